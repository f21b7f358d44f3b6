// What drawings share: the svg, axes, domains that one wild value cannot flatten, the tooltip.

function plotSvg(parent, { width, height, label }) {
  return d3.select(parent).append("svg")
    .attr("viewBox", `0 0 ${width} ${height}`)
    .attr("width", width).attr("height", height)
    .attr("role", "img").attr("aria-label", label);
}

// The range of an axis. Values further than `fence` interquartile ranges outside the middle half do not stretch it:
// they are drawn at the edge (plotHold). `keep` are always inside. null: no value can be drawn.
function plotDomain(values, { keep = [], fence = 3, pad = 0.06 } = {}) {
  const drawable = values.filter(numberIs);
  const kept = keep.filter(numberIs);
  if (drawable.length === 0) {
    return null;
  }
  const [q1, q3] = [d3.quantile(drawable, 0.25), d3.quantile(drawable, 0.75)];
  const reach = fence * (q3 - q1);
  const near = drawable.filter((value) => !(reach > 0 && reach < Infinity) || (value >= q1 - reach && value <= q3 + reach));
  const [low, high] = d3.extent([...near, ...kept]);
  const margin = high > low ? (high - low) * pad : Math.max(Math.abs(high) * 0.01, 1e-6);
  return [low - margin, high + margin];
}

// The range for intervals { low, mean, high }: means are fenced as above, and who is inside is seen whole.
function plotDomainOf(fields, { keep = [], fence = 3 } = {}) {
  const known = fields.filter((field) => field && numberIs(field.mean));
  const within = ([low, high]) => known.filter(({ mean }) => mean >= low && mean <= high);
  const ends = (list) => list.flatMap(({ low, mean, high }) => [low, mean, high]).filter(numberIs);
  const core = plotDomain(known.map(({ mean }) => mean), { keep, fence });
  return core === null ? null : plotDomain(ends(within(d3.extent(ends(within(core))))), { keep, fence: Infinity });
}

// Where a value stands on an axis; beyond its ends it is held at the end, and `off` tells on which side.
function plotHold(scale, value) {
  const [low, high] = d3.extent(scale.domain());
  const held = Math.min(Math.max(value, low), high);
  return { at: scale(held), off: Math.sign(value - held) };
}

function plotAxisX(parent, scale, { y, height, ticks = 5, values = null, format = null, title = "" }) {
  const axis = d3.axisBottom(scale).tickSize(-height).tickPadding(7);
  const shown = values ?? scale.ticks(ticks);
  const group = parent.append("g").attr("class", "axis x").attr("transform", `translate(0,${y})`)
    .call(axis.tickValues(shown).tickFormat(format ?? numberTicks(shown)));
  const [from, to] = d3.extent(scale.range());
  group.append("text").attr("class", "axis-title").attr("x", (from + to) / 2).attr("y", 34)
    .attr("text-anchor", "middle").text(title);
}

function plotAxisY(parent, scale, { x, width, ticks = 5, values = null, format = null, title = "", inset = 2 }) {
  const axis = d3.axisLeft(scale).tickSize(-width).tickPadding(6);
  const shown = values ?? scale.ticks(ticks);
  const group = parent.append("g").attr("class", "axis y").attr("transform", `translate(${x},0)`)
    .call(axis.tickValues(shown).tickFormat(format ?? numberTicks(shown)));
  const top = d3.min(scale.range());
  group.append("text").attr("class", "axis-title").attr("x", -x + inset).attr("y", top - 9)
    .attr("text-anchor", "start").text(title);
}

// A small arrow at the end of an axis that a value lies beyond: degrees of rotation, 0 points up.
function plotBeyond(parent, key, x, y, degrees) {
  return parent.append("path").attr("class", "mark beyond").attr("data-method", key)
    .attr("d", "M0,-6L5,4L-5,4Z").attr("transform", `translate(${x},${y}) rotate(${degrees})`)
    .style("fill", methodsStyle(key).color);
}

const plotTips = new WeakMap(); // target -> lines

// Beside a point of the window.
function plotTipShow(target, clientX, clientY) {
  const tip = document.getElementById("tip");
  const { innerWidth, innerHeight } = window;
  tip.replaceChildren(...plotTips.get(target).map((line, i) => dom(i === 0 ? "strong" : "span", {}, line)));
  tip.hidden = false;
  tip.style.left = `${Math.max(8, Math.min(clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
  const below = clientY + 18;
  const fits = below + tip.offsetHeight < innerHeight - 8;
  tip.style.top = `${fits ? below : Math.max(8, clientY - tip.offsetHeight - 12)}px`;
}

function plotTipHide() {
  document.getElementById("tip").hidden = true;
}

// Shows `lines` (texts, the first is the heading) while the pointer is on the mark or near it: the target is a disc, so
// that a finger hits it too. plotKeys leads to the same targets without a pointer.
function plotTip(parent, x, y, lines, radius = 11) {
  const target = parent.append("circle").attr("class", "target").attr("cx", x).attr("cy", y).attr("r", radius).node();
  plotTips.set(target, lines);
  const show = (event) => plotTipShow(target, event.clientX, event.clientY);
  target.addEventListener("pointerenter", show);
  target.addEventListener("pointermove", show);
  target.addEventListener("pointerleave", plotTipHide);
  target.addEventListener("pointercancel", plotTipHide);
}

// The arrow keys lead from value to value of a drawing that has the focus, one stop of the tab key a figure.
function plotKeys(box) {
  const steps = new Map([["ArrowRight", (at) => at + 1], ["ArrowLeft", (at) => at - 1], ["Home", () => 0], ["End", () => -1]]);
  const leave = () => {
    box.querySelector(".target.current")?.classList.remove("current");
    plotTipHide();
  };
  box.addEventListener("blur", leave);
  box.addEventListener("keydown", (event) => {
    const targets = [...box.querySelectorAll(".target")];
    const step = steps.get(event.key);
    if (event.key === "Escape") {
      leave();
    }
    if (!step || targets.length === 0 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    const now = targets.findIndex((target) => target.classList.contains("current"));
    const next = targets.at(step(now < 0 && event.key === "ArrowLeft" ? 0 : now) % targets.length);
    leave();
    next.classList.add("current");
    next.scrollIntoView({ block: "nearest", behavior: "instant" });
    const { left, width, top, height } = next.getBoundingClientRect();
    plotTipShow(next, left + width / 2, top + height / 2);
  });
}

// A clip of the drawing's inner part: lines that leave the axes end there.
let plotClipCount = 0;

function plotClip(svg, x, y, width, height) {
  plotClipCount += 1;
  const id = `clip-${plotClipCount}`;
  svg.append("clipPath").attr("id", id)
    .append("rect").attr("x", x).attr("y", y).attr("width", width).attr("height", height);
  return `url(#${id})`;
}
