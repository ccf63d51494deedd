// A mask is painted over a picture, or a file of one is laid over it; white where the paint is.
const PAINT = "#ff2d95"; // as studio.css shows it: half of the picture shines through

function render({ model, el }) {
  const id = `st-mask-${Math.random().toString(36).slice(2)}`; // each widget loads this file anew
  const label = model.get("label");
  el.classList.add("st-mask");
  el.innerHTML = `
    <button class="st-more" aria-controls="${id}"></button>
    <div class="st-easel" id="${id}" role="group" aria-label="${label}: mask">
      <div class="st-paper"><img alt="" draggable="false"><canvas role="img"></canvas></div>
      <div class="st-tools">
        <button class="st-button" data-do="paint">Paint</button>
        <button class="st-button" data-do="erase">Erase</button>
        <button class="st-button" data-do="invert">Invert</button>
        <button class="st-button" data-do="clear">Clear</button>
      </div>
      <label class="st-knob"><span class="st-label">brush</span><input type="range" min="1" max="40" value="12"
        aria-label="${label}: width of the brush, in percent of the picture's"></label>
      <div class="st-tools">
        <label class="st-button st-upload">Upload …<input type="file" accept="image/*"
          aria-label="${label}: upload a mask"></label>
        <select class="st-field" aria-label="${label}: the style that goes there"></select>
        <button class="st-button mod-success" data-do="use">Use this mask</button>
      </div>
      <div class="st-note" role="status"></div>
      <div class="st-error" role="alert"></div>
    </div>`;
  const [more, easel] = el.children;
  const image = easel.querySelector("img");
  const canvas = easel.querySelector("canvas");
  const brush = easel.querySelector("[type=range]");
  const file = easel.querySelector("[type=file]");
  const place = easel.querySelector("select");
  const note = easel.querySelector(".st-note");
  const error = easel.querySelector(".st-error");
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  let address = "", last = null;

  /** Fill with a colour; `how` says which of the canvas. */
  function fill(target, colour, how) {
    target.save();
    target.globalCompositeOperation = how;
    target.fillStyle = colour;
    target.fillRect(0, 0, canvas.width, canvas.height);
    target.restore();
  }
  function copy(colour) {
    const made = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    const target = made.getContext("2d");
    target.drawImage(canvas, 0, 0);
    fill(target, colour, "source-in");
    return [made, target];
  }
  function tell(text = "") {
    const values = paint.getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0;
    for (let at = 3; at < values.length; at += 4) sum += values[at];
    const part = `${Math.round((100 * sum) / 255 / (canvas.width * canvas.height))} % painted`;
    canvas.setAttribute("aria-label", `${label}: ${part}`);
    note.textContent = [part, text].filter(Boolean).join("; ");
    error.textContent = "";
  }
  const acts = {
    paint: () => mode("paint"),
    erase: () => mode("erase"),
    invert: () => { fill(paint, PAINT, "xor"); tell(); },
    clear: () => { paint.clearRect(0, 0, canvas.width, canvas.height); tell(); },
    use() {
      const [made, target] = copy("#fff");
      fill(target, "#000", "destination-over");
      made.toBlob(async (blob) =>
        model.send({ kind: "mask", place: Number(place.value) }, undefined, [await blob.arrayBuffer()]));
    },
  };
  function mode(name) {
    for (const other of ["paint", "erase"])
      easel.querySelector(`[data-do=${other}]`).setAttribute("aria-pressed", other === name);
    paint.globalCompositeOperation = name === "paint" ? "source-over" : "destination-out";
  }

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * canvas.width,
      (event.clientY - box.top) / box.height * canvas.height];
  };
  function stroke(event) {
    const here = at(event);
    Object.assign(paint, { strokeStyle: PAINT, lineCap: "round", lineWidth: brush.value / 100 * canvas.width });
    paint.beginPath();
    paint.moveTo(...(last ?? here));
    paint.lineTo(...here);
    paint.stroke();
    last = here;
  }
  canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); stroke(event); };
  canvas.onpointermove = (event) => { if (last) stroke(event); };
  canvas.onpointerup = canvas.onpointercancel = () => { if (last) tell(); last = null; };

  async function upload(given) {
    const picture = await createImageBitmap(given).catch(() => null);
    if (!picture) { error.textContent = `${given.name} is not a picture; upload a PNG or JPEG.`; return; }
    if (Math.abs(picture.width * canvas.height / (picture.height * canvas.width) - 1) > 0.02) {
      error.textContent = `${given.name} is ${picture.width} × ${picture.height}, of other proportions than `
        + "the picture; upload a mask of the picture's size.";
      return;
    }
    const [, target] = copy(PAINT);
    fill(target, "#000", "source-over");
    target.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const pixels = target.getImageData(0, 0, canvas.width, canvas.height);
    const [red, green, blue] = [1, 3, 5].map((from) => parseInt(PAINT.slice(from, from + 2), 16));
    for (let at = 0; at < pixels.data.length; at += 4) {
      const [r, g, b] = pixels.data.slice(at, at + 3);
      pixels.data.set([red, green, blue, (r + g + b) / 3], at);
    }
    paint.putImageData(pixels, 0, 0);
    tell(given.name);
  }
  async function load() {
    const bytes = model.get("picture");
    if (!bytes?.byteLength) return;
    URL.revokeObjectURL(address);
    image.src = address = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    await image.decode().catch(() => {});
    Object.assign(canvas, { width: image.naturalWidth || 1, height: image.naturalHeight || 1 }); // empties it
    mode("paint");
    tell();
  }
  function open() {
    const opened = model.get("opened");
    easel.hidden = !opened;
    more.textContent = `${opened ? "▾" : "▸"} Paint or upload a mask`;
    more.setAttribute("aria-expanded", opened);
    more.setAttribute("aria-label", `${label}: paint or upload a mask`);
  }
  function choose() {
    const names = model.get("places");
    place.replaceChildren(...names.map((name, value) => new Option(name, value)));
    place.hidden = names.length < 2;
  }
  const answer = () => { error.textContent = model.get("message"); };
  const kept = () => { if (!model.get("message")) tell("used from now on"); };

  easel.onclick = ({ target }) => acts[target.dataset.do]?.();
  more.onclick = () => { model.set("opened", !model.get("opened")); model.save_changes(); };
  file.onchange = () => { if (file.files[0]) upload(file.files[0]); file.value = ""; };
  const events = {
    "change:picture": load, "change:opened": open, "change:places": choose,
    "change:message": answer, "msg:custom": kept,
  };
  for (const [event, act] of Object.entries(events)) model.on(event, act);
  open();
  choose();
  load();
  return () => {
    for (const [event, act] of Object.entries(events)) model.off(event, act);
    URL.revokeObjectURL(address);
  };
}

export default { render };
