// Cards of past runs; up to two are chosen, A and B.
function render({ model, el }) {
  el.classList.add("st-cards");
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", "Past runs");
  el.onkeydown = (event) => event.stopPropagation(); // not a shortcut of the notebook
  let addresses = [];

  function draw() {
    const focused = el.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    addresses.forEach(URL.revokeObjectURL);
    addresses = [];
    el.replaceChildren(...model.get("cards").map(card));
    mark();
    if (focused) el.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }
  function card({ key, title, detail, thumb, flag }) {
    const button = document.createElement("button");
    button.className = "st-card";
    button.type = "button";
    button.dataset.key = key;
    button.title = `${key}: choose it; with a second one, the two are compared.`;
    const image = Object.assign(document.createElement("img"), { alt: "", draggable: false });
    addresses.push(image.src = URL.createObjectURL(new Blob([thumb], { type: "image/jpeg" })));
    const words = [["st-card-title", title], ["st-card-detail", detail], ["st-flag", flag]];
    button.append(image, ...words.filter(([, text]) => text).map(([className, textContent]) =>
      Object.assign(document.createElement("span"), { className, textContent })));
    button.onclick = () => {
      const chosen = model.get("chosen").filter((other) => other !== key);
      const next = chosen.length < model.get("chosen").length ? chosen : [...chosen, key].slice(-2);
      model.set("chosen", next);
      model.save_changes();
    };
    return button;
  }
  function mark() {
    const chosen = model.get("chosen");
    for (const button of el.children) {
      const place = chosen.indexOf(button.dataset.key);
      button.setAttribute("aria-pressed", place >= 0);
      button.dataset.mark = chosen.length > 1 && place >= 0 ? "AB"[place] : place === 0 ? "✓" : "";
    }
  }
  model.on("change:cards", draw);
  model.on("change:chosen", mark);
  draw();
  return () => {
    addresses.forEach(URL.revokeObjectURL);
    model.off("change:cards", draw);
    model.off("change:chosen", mark);
  };
}

export default { render };
