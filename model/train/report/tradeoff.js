// Ranking against probability, both relative to Base and paired by seed: the one drawing that shows the whole trade.

function tradeoffPoints(methods, base) {
  return methods.filter((method) => method.method !== "base" && method.role !== "teacher").map((method) => ({
    method,
    x: pairedPercent(pairedDifference(method, base, "test", "logloss"), base.test?.logloss),
    y: pairedDifference(method, base, "test", verdictRank.key),
  })).filter(({ x, y }) => x && y && numberIs(x.mean) && numberIs(y.mean));
}

function tradeoffFigure(methods) {
  const id = "tradeoff";
  const title = "Better order, without worse probabilities?";
  const base = methods.find((method) => method.method === "base");
  const points = base ? tradeoffPoints(methods, base) : [];
  if (points.length === 0) {
    return figureAbsent({ id, title, words: "This figure compares methods with Base, and Base or the others were not measured." });
  }
  return figure({
    id, title,
    lead: "Each method against Base on the test set, with 95 % intervals. Up is a better order; right is worse " +
      `probabilities. What to serve is above Base and at most ${VERDICT_LOGLOSS_PERCENT} % to the right of it (dashed, where the axis reaches so far): so much LogLoss ` +
      "is accepted for a better order.",
    draw: (box) => tradeoffDraw(box, points),
    note: tradeoffNote(methods, base),
    table: () => ({
      head: ["Method", "LogLoss against Base, %", `${verdictRank.title} against Base`],
      rows: points.map(({ method, x, y }) => ({
        cells: [methodsTitle(method), `${numberSigned(x.mean, 2)} (${numberInterval(x, 2)})`,
          `${numberSigned(y.mean)} (${numberInterval(y)})`],
      })),
    }),
  });
}

// The teacher is far off, and no candidate: its place is told, not drawn.
function tradeoffNote(methods, base) {
  const teacher = methods.find((method) => method.method === "teacher");
  const ndcg = pairedDifference(teacher, base, "test", verdictRank.key);
  const loss = pairedPercent(pairedDifference(teacher, base, "test", "logloss"), base.test?.logloss);
  return "An arrow marks a method beyond the axis, with its value." + (ndcg && loss
    ? ` Not drawn, because it cannot be served: the teacher, at ${numberSigned(ndcg.mean)} and ${numberSigned(loss.mean, 2)} %.` : "");
}

function tradeoffDraw(box, points) {
  const width = box.clientWidth;
  const height = Math.max(330, Math.min(480, width * 0.55));
  const narrow = width < 560;
  const margin = { left: 62, right: 22, top: 30, bottom: 44 };
  const svg = plotSvg(box, { width, height, label: `${verdictRank.title} by LogLoss, both relative to Base` });
  const domain = (key, fence) => plotDomainOf(points.map((point) => point[key]), { keep: [0], fence });
  const x = d3.scaleLinear().domain(domain("x", 1.5)).range([margin.left, width - margin.right]);
  const y = d3.scaleLinear().domain(domain("y", 3)).range([height - margin.bottom, margin.top]);
  plotAxisX(svg, x, { y: height - margin.bottom, height: height - margin.bottom - margin.top,
    ticks: width < 560 ? 4 : 8, title: "LogLoss against Base, %  (worse →)" });
  plotAxisY(svg, y, { x: margin.left, width: width - margin.left - margin.right, title: `${verdictRank.title} against Base  (better ↑)`, inset: 10 });
  tradeoffCross(svg, x, y);
  const order = d3.sort(points, ({ method }) => Number(Boolean(methodsStyle(method.method).strong)));
  const placed = order.map((point) => tradeoffPoint(svg, point, x, y));
  tradeoffLabels(svg, [{ words: "Base", at: { x: x(0), y: y(0) } }, ...placed], { width, height, margin });
}

function tradeoffCross(svg, x, y) {
  const [left, right] = d3.extent(x.range());
  const [top, bottom] = d3.extent(y.range());
  svg.append("line").attr("class", "reference").attr("x1", x(0)).attr("x2", x(0)).attr("y1", top).attr("y2", bottom);
  svg.append("line").attr("class", "reference").attr("x1", left).attr("x2", right).attr("y1", y(0)).attr("y2", y(0));
  if (x.domain()[1] > VERDICT_LOGLOSS_PERCENT) {
    svg.append("line").attr("class", "limit").attr("x1", x(VERDICT_LOGLOSS_PERCENT)).attr("x2", x(VERDICT_LOGLOSS_PERCENT))
      .attr("y1", top).attr("y2", y(0));
  }
  methodsMark(svg, "base", x(0), y(0));
}

function tradeoffPoint(svg, { method, x: fx, y: fy }, x, y) {
  const [px, py] = [plotHold(x, fx.mean), plotHold(y, fy.mean)];
  const { color } = methodsStyle(method.method);
  const lines = [];
  if (numberIs(fx.low) && px.off === 0) {
    lines.push([plotHold(x, fx.low).at, py.at, plotHold(x, fx.high).at, py.at]);
  }
  if (numberIs(fy.low) && py.off === 0) {
    lines.push([px.at, plotHold(y, fy.low).at, px.at, plotHold(y, fy.high).at]);
  }
  for (const [x1, y1, x2, y2] of lines) {
    svg.append("line").attr("class", "interval mark").attr("data-method", method.method).style("stroke", color)
      .attr("x1", x1).attr("y1", y1).attr("x2", x2).attr("y2", y2);
  }
  if (px.off !== 0 || py.off !== 0) {
    plotBeyond(svg, method.method, px.at, py.at, px.off !== 0 ? px.off * 90 : 90 - py.off * 90);
  } else {
    methodsMark(svg, method.method, px.at, py.at, 64);
  }
  plotTip(svg, px.at, py.at, [methodsTitle(method), `${verdictRank.title} ${numberSigned(fy.mean)} (${numberInterval(fy)})`,
    `LogLoss ${numberSigned(fx.mean, 2)} % (${numberInterval(fx, 2)})`]);
  const value = px.off === 0 ? "" : ` ${numberSigned(fx.mean, 1)} %`;
  return { words: methodsTitle(method) + value, strong: Boolean(methodsStyle(method.method).strong),
    at: { x: px.at, y: py.at }, lines };
}

// A name stands where it covers least: other names and marks above all, then intervals; near rather than far.
function tradeoffLabels(svg, points, { width, height, margin }) {
  const marks = points.map(({ at }) => [at.x - 7, at.y - 7, at.x + 7, at.y + 7]);
  const lines = points.flatMap((point) => (point.lines ?? []).map(([x1, y1, x2, y2]) => [x1 - 1, y1 - 1, x2 + 1, Math.max(y1, y2) + 1]
    .map((value, i) => (i === 1 ? Math.min(y1, y2) - 1 : value))));
  const names = [];
  for (const point of [...points].sort((a, b) => Number(Boolean(b.strong)) - Number(Boolean(a.strong)))) {
    const size = { width: point.words.length * 6.9 + 4, height: 15 };
    const inside = ([x0, y0, x1, y1]) => x0 > margin.left && x1 < width - 4 && y0 > margin.top - 12 && y1 < height - margin.bottom;
    const cost = (box, far) => 20 * tradeoffCover(box, names) + 12 * tradeoffCover(box, marks) + 2 * tradeoffCover(box, lines) +
      far + (inside(box) ? 0 : 1e5);
    const best = d3.least(tradeoffPlaces(point.at, size), ({ box, far }) => cost(box, far));
    names.push(best.box);
    const [x0, y0, x1, y1] = best.box;
    if (best.far > 24) {
      svg.append("line").attr("class", "leader").attr("x1", point.at.x).attr("y1", point.at.y)
        .attr("x2", Math.min(Math.max(point.at.x, x0), x1)).attr("y2", (y0 + y1) / 2);
    }
    svg.append("text").attr("class", point.strong ? "mark-label halo strong" : "mark-label halo")
      .attr("x", (x0 + x1) / 2).attr("y", y1 - 3.5).attr("text-anchor", "middle").text(point.words);
  }
}

// Boxes around a point, in eight directions at growing distance.
function tradeoffPlaces({ x, y }, { width, height }) {
  return d3.cross([11, 20, 32, 48, 66], d3.range(8)).map(([far, direction]) => {
    const [dx, dy] = [Math.cos((direction * Math.PI) / 4), Math.sin((direction * Math.PI) / 4)];
    const [cx, cy] = [x + dx * (far + width / 2), y + dy * (far + height / 2)];
    return { far, box: [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2] };
  });
}

// Area that a box shares with others.
function tradeoffCover([x0, y0, x1, y1], boxes) {
  return d3.sum(boxes, ([a0, b0, a1, b1]) => Math.max(0, Math.min(x1, a1) - Math.max(x0, a0)) * Math.max(0, Math.min(y1, b1) - Math.max(y0, b0)));
}
