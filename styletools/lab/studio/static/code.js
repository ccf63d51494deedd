// Code to read and to copy.
function render({ model, el }) {
  el.classList.add("st-code");
  el.innerHTML = `<button type="button" class="st-copy" title="Copy the code.">Copy</button><pre tabindex="0"></pre>`;
  const [button, pre] = el.children;
  const show = () => { pre.textContent = model.get("text"); };
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch { // no permission, or no https: select, so that Ctrl-C copies
      getSelection().selectAllChildren(pre);
      button.textContent = "Press Ctrl-C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };
  model.on("change:text", show);
  show();
  return () => model.off("change:text", show);
}

export default { render };
