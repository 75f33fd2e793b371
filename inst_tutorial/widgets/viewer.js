// The frame viewer: a picture, and controls that choose which one of many it is.
//
// A notebook with a kernel calls InstView.render (an anywidget module), a page without one
// InstView.mountAll. Both build the same thing from the same `spec`, which viewer.py writes.
const InstView = (() => {
  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const nearest = (numbers, value) =>
    numbers.reduce((best, n, i) => (Math.abs(n - value) < Math.abs(numbers[best] - value) ? i : best), 0);

  // Each control has `index` (the nearest stored frame), `value` (what to ask a kernel for),
  // `stored` (whether a frame is exactly that) and `move(fraction)`, for a drag on the picture.
  function slider(control, start, live, changed) {
    const range = live && control.range;
    const [low, high, step] = range || [0, control.labels.length - 1, 1];
    const input = make("input", { type: "range", min: low, max: high, step, "aria-label": control.label });
    input.value = range ? control.numbers[start] : start;
    const shown = make("output", { "aria-hidden": "true" });
    const state = { index: start, value: control.numbers[start], stored: true };
    const read = () => {
      const number = Number(input.value);
      state.index = range ? nearest(control.numbers, number) : number;
      state.value = range ? number : control.numbers[number];
      state.stored = Math.abs(control.numbers[state.index] - state.value) < 1e-9;
      shown.textContent = state.stored ? control.labels[state.index] : String(state.value);
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    state.move = (fraction) => {
      input.value = low + fraction * (high - low);
      read();
      changed();
    };
    input.addEventListener("input", () => (read(), changed()));
    read();
    const name = make("span", { class: "inst-view-name" }, control.label);
    state.node = make("label", { class: "inst-view-control inst-view-slider" }, name, input, shown);
    return state;
  }

  function menu(control, start, changed) {
    const select = make("select", { "aria-label": control.label });
    control.labels.forEach((label, i) => select.append(make("option", { value: i }, label)));
    select.value = start;
    const state = { index: start, value: control.labels[start], stored: true };
    select.addEventListener("change", () => {
      state.index = Number(select.value);
      state.value = control.labels[state.index];
      changed();
    });
    const name = make("span", { class: "inst-view-name" }, control.label);
    state.node = make("label", { class: "inst-view-control" }, name, select);
    return state;
  }

  function buttons(control, start, changed) {
    const group = `inst-view-${Math.random()}`; // buttons that belong together share a name
    const state = { index: start, value: control.labels[start], stored: true };
    const list = make("div", { class: control.thumbs ? "inst-view-gallery" : "inst-view-buttons" });
    const add = (label, thumb, index) => {
      const input = make("input", { type: "radio", name: group, "aria-label": label });
      input.checked = index === start;
      const choose = () => {
        Object.assign(state, { index: Math.max(index, 0), value: label, stored: index >= 0 });
        changed();
      };
      input.addEventListener("change", choose);
      const face = thumb ? [make("img", { src: thumb, alt: "" }), make("span", {}, label)] : [label];
      const node = make("label", { class: "inst-view-choice", title: label }, input, ...face);
      list.append(node);
      return { node, choose: () => ((input.checked = true), choose()) };
    };
    control.labels.forEach((label, i) => add(label, control.thumbs && control.thumbs[i], i));
    let extra = null; // a choice that came later: a picture of the reader's own
    state.extend = (label, thumb) => {
      if (extra) extra.node.remove();
      extra = add(label, thumb, -1);
      extra.choose();
    };
    const legend = make("legend", { class: "inst-view-name" }, control.label);
    state.node = make("fieldset", { class: "inst-view-control" }, legend, list);
    return state;
  }

  function build(control, start, live, changed) {
    if (control.kind === "slider") return slider(control, start, live, changed);
    const few = control.labels.length <= 4 && control.labels.join("").length <= 40;
    return control.thumbs || few ? buttons(control, start, changed) : menu(control, start, changed);
  }

  // Builds the viewer in `figure`. With `ask`, a kernel is there to compute what is not stored.
  function mount(figure, spec, ask = null) {
    figure.dataset.instView = "ready";
    const picture = make("img", { class: "inst-view-picture", draggable: "false" });
    picture.style.width = `${spec.width}px`;
    const spoken = make("p", { class: "inst-view-spoken", role: "status", "aria-live": "polite" });
    const note = make("p", { class: "inst-view-note", role: "status" });
    const panel = make("div", { class: "inst-view-panel" });
    let waiting = false; // for the kernel's answer
    let next = null; // what to ask it then
    let states = [];

    const send = (choice) => {
      next = waiting ? choice : null;
      if (waiting) return;
      waiting = true;
      note.textContent = "computing …";
      ask(choice);
    };
    const show = (source, alt, speak) => {
      picture.src = source;
      picture.alt = alt;
      if (speak) spoken.textContent = alt;
    };
    const changed = (speak = true) => {
      const index = spec.controls.reduce((sum, c, i) => sum * c.labels.length + states[i].index, 0);
      show(spec.frames[index], spec.alts[index], speak);
      next = null;
      if (!waiting) note.textContent = "";
      if (!ask || states.every((state) => state.stored)) return;
      send(Object.fromEntries(spec.controls.map((c, i) => [c.name, states[i].value])));
    };
    const receive = (message) => {
      if (message.extend) {
        const at = spec.controls.findIndex((c) => c.name === message.extend);
        if (at >= 0) states[at].extend(message.label, message.thumb);
        return;
      }
      waiting = false;
      if (next) return send(next);
      note.textContent = message.error || "";
      if (message.frame && !states.every((state) => state.stored)) show(message.frame, message.alt, true);
    };

    states = spec.controls.map((c, i) => build(c, spec.start[i], Boolean(ask), changed));
    panel.append(...states.map((state) => state.node), note);
    const first = states.find((state) => state.move);
    if (first) scrub(picture, first.move);
    // Arrow keys belong to the control, not to the page or to the notebook around it.
    panel.addEventListener("keydown", (event) => event.stopPropagation());
    const caption = make("figcaption", {}, spec.caption);
    figure.replaceChildren(picture, panel, ...(spec.caption ? [caption] : []), spoken);
    figure.setAttribute("role", "group");
    figure.setAttribute("aria-label", spec.caption || "A picture with controls");
    changed(false);
    return receive;
  }

  // Drag over the picture, by mouse or finger, to move the first slider.
  function scrub(picture, move) {
    picture.classList.add("inst-view-scrub");
    const follow = (event) => {
      const box = picture.getBoundingClientRect();
      move(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1));
    };
    picture.addEventListener("pointerdown", (event) => {
      picture.setPointerCapture(event.pointerId);
      follow(event);
    });
    picture.addEventListener("pointermove", (event) => {
      if (picture.hasPointerCapture(event.pointerId)) follow(event);
    });
  }

  // In a page: every figure that is not a viewer yet and has its frames (where a notebook is not
  // trusted, a sanitiser took them away). Its still picture is the start frame,
  // which the list of frames leaves out.
  function mountAll() {
    for (const figure of document.querySelectorAll("figure.inst-view:not([data-inst-view]):has(script)")) {
      const spec = JSON.parse(figure.querySelector("script").textContent);
      const still = figure.querySelector("img").src;
      spec.frames = spec.frames.map((frame) => frame || still);
      mount(figure, spec);
    }
  }

  // In a notebook with a kernel.
  function render({ model, el }) {
    const figure = make("figure", { class: "inst-view" });
    el.append(figure);
    const spec = model.get("spec");
    const receive = mount(figure, spec, spec.live ? (choice) => model.send({ choice }) : null);
    model.on("msg:custom", receive);
    return () => model.off("msg:custom", receive);
  }

  return { mountAll, render };
})();
