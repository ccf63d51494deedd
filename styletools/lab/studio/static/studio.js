// Names the panel for screen readers, and keeps the notebook's shortcuts (b, d d, Enter …) out of it.
function render({ el }) {
  el.classList.add("st-hidden");
  const mark = () => {
    const panel = el.closest(".st-studio");
    if (!panel) return false;
    panel.setAttribute("role", "region");
    panel.setAttribute("aria-label", "Style transfer studio");
    panel.dataset.lmSuppressShortcuts = "true";
    panel.onkeydown = (event) => event.stopPropagation(); // else Enter on a button is taken from it
    return true;
  };
  const placed = new MutationObserver(() => mark() && placed.disconnect()); // not there yet
  if (!mark()) placed.observe(document.body, { childList: true, subtree: true });
  return () => placed.disconnect();
}

export default { render };
