// Two pictures, one over the other, and a line between them that is dragged, or moved with arrows.
function render({ model, el }) {
  el.classList.add("st-viewer");
  el.innerHTML = `<div class="st-frame">
      <img class="st-before" draggable="false"><img class="st-after" draggable="false">
      <span class="st-tag st-left"></span><span class="st-tag st-right"></span>
      <span class="st-line"></span><span class="st-handle"></span>
      <input type="range" min="0" max="1000" aria-label="Before and after">
    </div>`;
  const frame = el.querySelector(".st-frame");
  const slider = el.querySelector("input");
  const sides = ["before", "after"].map((name) => ({
    name, image: el.querySelector(`.st-${name}`), address: "",
  }));
  el.title = model.get("help");

  async function load(side) {
    const bytes = model.get(side.name);
    if (!bytes?.byteLength) return;
    const address = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    const next = new Image();
    next.src = address;
    await next.decode().catch(() => {}); // decoded before it is shown: no flicker
    side.image.src = address;
    URL.revokeObjectURL(side.address);
    side.address = address;
  }
  function words() {
    const [left, right] = [model.get("before_label"), model.get("after_label")];
    el.querySelector(".st-left").textContent = sides[0].image.alt = left;
    el.querySelector(".st-right").textContent = sides[1].image.alt = right;
    slider.setAttribute("aria-label", `Line between ${left} and ${right}`);
    frame.style.setProperty("--st-aspect", model.get("aspect"));
  }
  function place(part) {
    frame.style.setProperty("--st-split", part);
    slider.value = part * 1000;
    slider.setAttribute("aria-valuetext", `${Math.round(100 * part)} % before`);
  }
  const move = () => place(model.get("split"));
  slider.oninput = () => place(slider.value / 1000);
  slider.onchange = () => { model.set("split", slider.value / 1000); model.save_changes(); };
  slider.onkeydown = (event) => event.stopPropagation();
  const loads = sides.map((side) => [`change:${side.name}`, () => load(side)]);
  for (const [event, act] of loads) { model.on(event, act); act(); }
  const labels = "change:before_label change:after_label change:aspect";
  model.on(labels, words);
  model.on("change:split", move);
  words();
  move();
  return () => {
    for (const [event, act] of loads) model.off(event, act);
    model.off(labels, words);
    model.off("change:split", move);
    for (const side of sides) URL.revokeObjectURL(side.address);
  };
}

export default { render };
