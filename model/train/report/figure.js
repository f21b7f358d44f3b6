// A figure: heading, one sentence on how to read it, drawing, and the same numbers as a table. Drawings are made for the
// width that they have, and again when it changes.

const figureDrawers = new Map(); // box -> { draw, width }

const figureObserver = new ResizeObserver((entries) => entries.forEach(({ target }) => figureRedraw(target)));

function figureRedraw(box, force = false) {
  const drawer = figureDrawers.get(box);
  const width = box.clientWidth;
  if (!drawer || width === 0 || (!force && width === drawer.width)) {
    return;
  }
  drawer.width = width;
  box.replaceChildren();
  drawer.draw(box);
}

// Paper has its own width, and no time to wait for an observer.
function figurePaper(paper) {
  document.documentElement.classList.toggle("paper", paper);
  figureDrawers.forEach((_, box) => figureRedraw(box));
}

window.addEventListener("beforeprint", () => figurePaper(true));
window.addEventListener("afterprint", () => figurePaper(false));

// draw(box) fills an empty element; table() gives { head, rows } for those who do not see or trust a drawing.
// controls: [[label, [[value, text], ...], pick], ...]; after a pick the figure is drawn anew.
function figure({ id, title, lead, draw, note = null, legend = null, controls = [], table }) {
  const box = dom("div", { class: "plot", tabindex: "0", role: "group",
    "aria-label": `Drawing – ${title} – the left and right arrow keys tell its values` });
  plotKeys(box);
  figureDrawers.set(box, { draw, width: 0 });
  figureObserver.observe(box);
  const toggles = controls.map(([label, options, pick]) =>
    domToggle(label, options, (value) => {
      pick(value);
      figureRedraw(box, true);
    }));
  const details = dom("details", { class: "numbers" }, dom("summary", {}, "The numbers of this figure"));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) {
      details.append(domTable({ caption: title, ...table() }));
    }
  });
  return dom("figure", { id, "aria-labelledby": `${id}-title` },
    dom("h3", { id: `${id}-title` }, title),
    dom("p", { class: "lead" }, lead),
    toggles.length > 0 ? dom("div", { class: "controls" }, toggles) : null,
    legend ? methodsLegend(legend, () => box) : null,
    box,
    note ? dom("figcaption", {}, note) : null,
    details);
}

// In place of a figure that has nothing to show.
function figureAbsent({ id, title, words }) {
  return dom("div", { id, class: "absent" }, dom("h3", {}, title), dom("p", {}, words));
}

// A figure of several drawings side by side, as many in a row as fit. Panels: { title, hint, method }.
// draw(svg, panel, size) gets a D3 selection of an empty svg and { width, height }.
function figureGrid(box, { panels, least, aspect, tallest = 340, draw }) {
  const grid = dom("div", { class: "grid", style: `--least: ${least}px` });
  box.append(grid);
  const frames = panels.map((panel) => {
    const frame = dom("div", { class: "panel" },
      dom("h4", {}, panel.title), panel.hint === undefined ? null : dom("p", { class: "hint" }, panel.hint));
    grid.append(frame);
    return frame;
  });
  frames.forEach((frame, place) => {
    const width = Math.max(frame.clientWidth, 120);
    const height = typeof aspect === "function" ? aspect(width) : Math.min(width * aspect, tallest);
    const svg = plotSvg(frame, { width, height, label: panels[place].label ?? panels[place].title });
    draw(svg, panels[place], { width, height });
  });
}
