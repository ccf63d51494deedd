// A number that is slid or typed. It may be typed beyond the slider's ends.
const STEPS_A_DECADE = 20;

const text = (value) => {
  if (value === null) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3))
    return value.toExponential(5).replace(/\.?0+e/, "e").replace("e+", "e");
  return String(Number(value.toPrecision(6)));
};

function render({ model, el }) {
  const id = `st-knob-${Math.random().toString(36).slice(2)}`; // each widget loads this file anew
  const { low, high, log, step } = Object.fromEntries(
    ["low", "high", "log", "step"].map((name) => [name, model.get(name)]));
  el.classList.add("st-knob");
  el.innerHTML = `<label class="st-label" for="${id}"></label>
    <input type="range" ${high > low ? "" : "hidden"}>
    <input class="st-field st-number" id="${id}" type="text" inputmode="decimal" spellcheck="false">
    <span class="st-error" role="alert"></span>`;
  const [label, slider, field, error] = el.children;
  label.textContent = model.get("label");
  el.title = model.get("help");
  slider.setAttribute("aria-label", `${model.get("label")}, slider`);
  for (const input of [slider, field]) input.setAttribute("aria-description", model.get("help"));
  slider.min = 0;
  slider.max = log ? Math.round(Math.log10(high / low) * STEPS_A_DECADE) : Math.round((high - low) / step);

  const whole = (value) => (step >= 1 && log ? Math.round(value) : value);
  const at = (place) => log
    ? whole(Number((low * 10 ** (place / STEPS_A_DECADE)).toPrecision(2)))
    : Number((low + place * step).toPrecision(6));
  const placeOf = (value) => {
    if (value === null) return 0;
    const place = log ? Math.log10(value / low) * STEPS_A_DECADE : (value - low) / step;
    return Math.min(slider.max, Math.max(0, value > 0 || !log ? place : 0));
  };

  function show(value) {
    slider.value = placeOf(value);
    slider.style.setProperty("--st-part", slider.value / slider.max);
    slider.setAttribute("aria-valuetext", text(value));
    field.value = text(value);
    error.textContent = "";
    field.removeAttribute("aria-invalid");
  }
  function take(value) { model.set("value", value); model.save_changes(); }
  function update() { show(model.get("value")); }
  function able() { slider.disabled = field.disabled = model.get("disabled"); }

  slider.oninput = () => show(at(Number(slider.value)));
  slider.onchange = () => take(at(Number(slider.value)));
  field.onchange = () => {
    const typed = field.value.trim().replace(",", ".").replace("−", "-");
    const value = typed === "" && model.get("optional") ? null : Number(typed);
    if (value === null || (typed !== "" && Number.isFinite(value))) {
      show(value);
      take(value);
      return;
    }
    error.textContent = `“${field.value}” is no number; it stays ${text(model.get("value")) || "unset"}.`;
    field.setAttribute("aria-invalid", "true");
  };
  el.onkeydown = (event) => event.stopPropagation(); // not a shortcut of the notebook
  model.on("change:value", update);
  model.on("change:disabled", able);
  update();
  able();
  return () => { model.off("change:value", update); model.off("change:disabled", able); };
}

export default { render };
