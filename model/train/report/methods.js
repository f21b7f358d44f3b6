// How a method looks, the same in every figure: colour (a variable of style.css, so that light and dark differ), symbol,
// filled or hollow, dashed or not. Colour is never the only sign. CLID is the one that the eye should find first.

const METHODS_STYLE = {
  base: { symbol: d3.symbolSquare },
  teacher: { symbol: d3.symbolDiamond },
  selfteacher: { symbol: d3.symbolDiamond, hollow: true, dash: "2 3" },
  pridropout: { symbol: d3.symbolSquare, hollow: true, dash: "6 3" },
  pal: { symbol: d3.symbolCross, hollow: true, dash: "6 3" },
  pointwise: { symbol: d3.symbolTriangle },
  listmle: { symbol: d3.symbolCross },
  listnet: { symbol: d3.symbolStar },
  clid: { symbol: d3.symbolCircle, strong: true },
  listnet_logit: { symbol: d3.symbolStar, hollow: true, dash: "6 3" },
  rcr: { symbol: d3.symbolWye },
  selfkd: { symbol: d3.symbolTriangle, hollow: true, dash: "2 3" },
  clid_mass: { symbol: d3.symbolCircle, hollow: true, dash: "6 3" },
};
const METHODS_OTHER = { symbol: d3.symbolCircle, hollow: true, dash: "1 3" };

function methodsStyle(key) {
  const known = Object.hasOwn(METHODS_STYLE, key);
  return { color: `var(--m-${known ? key : "other"})`, ...(known ? METHODS_STYLE[key] : METHODS_OTHER) };
}

function methodsTitle(method) {
  return String(method.title || method.method || "?");
}

// Students first, then what is never served; otherwise as given.
function methodsSorted(methods) {
  const list = Array.isArray(methods) ? methods.filter((m) => m && typeof m === "object") : [];
  return [...list.filter((m) => m.role !== "teacher"), ...list.filter((m) => m.role === "teacher")];
}

// Draws the symbol of a method at (x, y); returns the selection.
function methodsMark(parent, key, x, y, size = 52) {
  const style = methodsStyle(key);
  return parent.append("path")
    .attr("class", "mark")
    .attr("data-method", key)
    .attr("transform", `translate(${x},${y})`)
    .attr("d", d3.symbol().type(style.symbol).size(style.strong ? size * 1.5 : size)())
    .style("fill", style.hollow ? "var(--paper)" : style.color)
    .style("stroke", style.color);
}

// Buttons with the symbols. Hovering shows one method, pressing keeps it so; `root` holds the marks.
function methodsLegend(methods, root) {
  let kept = null;
  const focus = (key) => {
    for (const mark of root().querySelectorAll("[data-method]")) {
      mark.classList.toggle("dim", key !== null && mark.dataset.method !== key);
    }
  };
  const buttons = methods.map((method) => {
    const svg = d3.create("svg").attr("width", 26).attr("height", 14).attr("aria-hidden", "true");
    const style = methodsStyle(method.method);
    svg.append("line").attr("x1", 0).attr("x2", 26).attr("y1", 7).attr("y2", 7)
      .style("stroke", style.color).style("stroke-width", 2).style("stroke-dasharray", style.dash ?? null);
    methodsMark(svg, method.method, 13, 7, 34).attr("data-method", null);
    const button = dom("button", { type: "button", "aria-pressed": "false" }, svg.node(), methodsTitle(method));
    button.addEventListener("pointerenter", () => focus(method.method));
    button.addEventListener("pointerleave", () => focus(kept));
    button.addEventListener("click", () => {
      kept = kept === method.method ? null : method.method;
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button && kept !== null)));
      focus(kept);
    });
    return button;
  });
  return dom("div", { class: "legend", role: "group", "aria-label": "Show one method" }, buttons);
}
