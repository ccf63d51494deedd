// Loss curves on a log axis, drawn here as SVG, so that the kernel only sends the numbers.
const SERIES = ["content", "style", "total"]; // columns 2, 3, 4 of a point; 0 is step, 1 size
const HEIGHT = 190, LEFT = 44, RIGHT = 10, TOP = 8, BOTTOM = 22;

const svg = (name, attributes, words) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (words !== undefined) node.textContent = words;
  return node;
};
const short = (value) => {
  if (!(value > 0)) return "0";
  return value >= 1e4 || value < 1e-2 ? value.toExponential(1).replace("e+", "e") : value.toPrecision(3);
};

function render({ model, el }) {
  el.classList.add("st-chart");
  el.innerHTML = `<div class="st-legend"></div><svg role="img" height="${HEIGHT}"></svg>`;
  const legend = el.querySelector(".st-legend");
  const canvas = el.querySelector("svg");
  el.title = model.get("help");
  let points = [];

  function read() {
    const bytes = model.get("points");
    const numbers = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    points = [];
    for (let i = 0; i + 4 < numbers.length; i += 5) points.push(numbers.subarray(i, i + 5));
    draw();
  }

  function name(point) {
    const note = point ? `step ${point[0]}, ${point[1]} px` : "Loss at each step";
    legend.innerHTML = `<span class="st-note">${note}</span>` + SERIES.map((series, i) =>
      `<span class="st-key st-${series}">${["α · content", "β · style", "total"][i]}
       <b>${point ? short(point[i + 2]) : ""}</b></span>`).join("");
  }

  function draw() {
    const width = Math.max(220, canvas.clientWidth || el.clientWidth);
    canvas.replaceChildren();
    canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    name(points.at(-1));
    const values = points.flatMap((p) => [p[2], p[3], p[4]]).filter((v) => v > 0);
    const last = Math.max(model.get("steps"), points.at(-1)?.[0] ?? 1, 2);
    let bottom = values.length ? Math.floor(Math.log10(Math.min(...values))) : 0;
    const top = values.length ? Math.ceil(Math.log10(Math.max(...values)) + 1e-9) : 4;
    bottom = Math.max(Math.min(bottom, top - 1), top - 8);
    const x = (step) => LEFT + ((step - 1) / (last - 1)) * (width - LEFT - RIGHT);
    const y = (value) => TOP + (top - Math.log10(value)) / (top - bottom) * (HEIGHT - TOP - BOTTOM);
    for (let power = bottom; power <= top; power++) {
      const height = y(10 ** power);
      canvas.append(svg("line", { class: "st-grid", x1: LEFT, x2: width - RIGHT, y1: height, y2: height }));
      if ((top - power) % Math.ceil((top - bottom) / 5) === 0)
        canvas.append(svg("text", { x: LEFT - 6, y: height + 4, "text-anchor": "end" }, `1e${power}`));
    }
    for (const step of new Set([0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(1 + part * (last - 1))))) {
      const anchor = step === 1 ? "start" : step === last ? "end" : "middle";
      canvas.append(svg("text", { x: x(step), y: HEIGHT - 6, "text-anchor": anchor }, step));
    }
    points.forEach((point, i) => { // a new size is a new ruler: curves break there
      if (i && point[1] !== points[i - 1][1]) {
        const at = (x(point[0]) + x(points[i - 1][0])) / 2;
        canvas.append(svg("line", { class: "st-size", x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM }));
        canvas.append(svg("text", { x: at + 4, y: TOP + 9 }, `${point[1]} px`));
      }
    });
    SERIES.forEach((series, i) => {
      let path = "";
      points.forEach((point, k) => {
        const value = Math.max(point[i + 2], 10 ** bottom);
        const joined = k && points[k - 1][1] === point[1] && points[k - 1][i + 2] > 0;
        if (point[i + 2] > 0) path += `${joined ? "L" : "M"}${x(point[0]).toFixed(1)},${y(value).toFixed(1)}`;
      });
      canvas.append(svg("path", { class: `st-curve st-${series}`, d: path || "M0,0" }));
    });
    canvas.setAttribute("aria-label", points.length
      ? `Losses on a log axis, ${points.length} points; total ${short(points[0][4])} to ${short(points.at(-1)[4])}`
      : "Losses: no run yet");
    canvas.onpointermove = (event) => {
      const box = canvas.getBoundingClientRect();
      const step = 1 + ((event.clientX - box.left) * (width / box.width) - LEFT) / (width - LEFT - RIGHT) * (last - 1);
      const near = points.reduce((a, b) => (Math.abs(b[0] - step) < Math.abs(a[0] - step) ? b : a), points[0]);
      canvas.querySelector(".st-cross")?.remove();
      if (!near) return;
      name(near);
      canvas.append(svg("line", { class: "st-cross", x1: x(near[0]), x2: x(near[0]), y1: TOP, y2: HEIGHT - BOTTOM }));
    };
    canvas.onpointerleave = () => { canvas.querySelector(".st-cross")?.remove(); name(points.at(-1)); };
  }

  const sizes = new ResizeObserver(draw);
  sizes.observe(el);
  model.on("change:points change:steps", read);
  read();
  return () => { sizes.disconnect(); model.off("change:points change:steps", read); };
}

export default { render };
