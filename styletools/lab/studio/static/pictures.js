// Thumbnails as a group of radio buttons, so that arrow keys work; a button, a drop and a path add.
const PART = 1 << 20; // bytes of a file in one message

function render({ model, el }) {
  const group = `st-pictures-${Math.random().toString(36).slice(2)}`; // each widget loads this file anew
  el.classList.add("st-pictures");
  el.innerHTML = `
    <div class="st-heading"><span id="${group}" class="st-title"></span><span class="st-note"></span></div>
    <div class="st-tiles" role="radiogroup" aria-labelledby="${group}"></div>
    <input class="st-field st-path" type="text" spellcheck="false" placeholder="or a path, or a web address">
    <div class="st-error" role="alert"></div>`;
  const [title, note] = el.querySelectorAll(".st-heading span");
  const tiles = el.querySelector(".st-tiles");
  const path = el.querySelector(".st-path");
  const error = el.querySelector(".st-error");
  title.textContent = model.get("label");
  title.title = tiles.title = model.get("help");
  path.title = "A file on the machine that runs the notebook, or a picture from the web; Enter takes it.";
  path.setAttribute("aria-label", `${model.get("label")}: path or web address`);
  let addresses = [];

  function draw() {
    const within = tiles.contains(document.activeElement);
    addresses.forEach(URL.revokeObjectURL);
    addresses = [];
    tiles.replaceChildren(...model.get("pictures").map(tile), adder());
    choose();
    if (within) tiles.querySelector(":checked")?.focus();
  }

  function tile({ key, name, thumb, size }) {
    const label = document.createElement("label");
    label.className = "st-tile";
    label.title = size[0] ? `${name} · ${size[0]} × ${size[1]} pixels` : name;
    const radio = Object.assign(document.createElement("input"),
      { type: "radio", name: group, value: key });
    radio.setAttribute("aria-label", name);
    radio.onchange = () => { model.set({ value: key, message: "" }); model.save_changes(); };
    const image = Object.assign(document.createElement("img"), { alt: "", draggable: false });
    addresses.push(image.src = URL.createObjectURL(new Blob([thumb], { type: "image/jpeg" })));
    label.append(radio, image);
    return label;
  }

  function adder() {
    const label = document.createElement("label");
    label.className = "st-tile st-add";
    label.title = "Upload a picture of your own, or drop it here.";
    const input = Object.assign(document.createElement("input"), { type: "file", accept: "image/*" });
    input.setAttribute("aria-label", `${model.get("label")}: upload a picture`);
    input.onchange = () => { if (input.files[0]) upload(input.files[0]); input.value = ""; };
    label.append(input, Object.assign(document.createElement("span"), { textContent: "+" }));
    return label;
  }

  function choose() {
    const chosen = model.get("pictures").find((picture) => picture.key === model.get("value"));
    for (const radio of tiles.querySelectorAll("[type=radio]"))
      radio.checked = radio.value === model.get("value");
    note.textContent = chosen?.size[0]
      ? `${chosen.name} · ${chosen.size[0]} × ${chosen.size[1]}` : chosen?.name ?? "";
  }

  tiles.addEventListener("keydown", (event) => { // JupyterLab keeps a radio's own arrows from it
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const radios = [...tiles.querySelectorAll("[type=radio]")];
    const place = radios.indexOf(event.target);
    if (!move || place < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const next = radios[(place + move + radios.length) % radios.length];
    next.focus();
    next.click();
  }, true);

  async function upload(file) {
    error.textContent = `Uploading ${file.name} …`;
    const bytes = await file.arrayBuffer();
    const id = `${Date.now()}-${Math.random()}`;
    for (let start = 0; start === 0 || start < bytes.byteLength; start += PART) {
      const last = start + PART >= bytes.byteLength;
      const content = { kind: "part", upload: id, name: file.name, last };
      model.send(content, undefined, [bytes.slice(start, start + PART)]);
    }
  }

  function answer() { error.textContent = model.get("message"); }

  path.onkeydown = (event) => {
    event.stopPropagation(); // not a shortcut of the notebook
    if (event.key !== "Enter" || !path.value.trim()) return;
    model.send({ kind: "path", path: path.value });
    path.value = "";
  };
  el.ondragover = (event) => { event.preventDefault(); el.classList.add("st-drop"); };
  el.ondragleave = () => el.classList.remove("st-drop");
  el.ondrop = (event) => {
    event.preventDefault();
    event.stopPropagation();
    el.classList.remove("st-drop");
    if (event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]);
  };
  const redraw = () => { draw(); answer(); };
  const rechoose = () => { choose(); answer(); };
  model.on("change:pictures", redraw);
  model.on("change:value", rechoose);
  model.on("change:message", answer);
  model.on("msg:custom", answer);
  redraw();
  return () => {
    addresses.forEach(URL.revokeObjectURL);
    model.off("change:pictures", redraw);
    model.off("change:value", rechoose);
    model.off("change:message", answer);
    model.off("msg:custom", answer);
  };
}

export default { render };
