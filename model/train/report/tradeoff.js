// Ranking against probability, both relative to Base and paired by seed: the one drawing that shows the whole trade.

function tradeoffPoints(methods, base) {
  return methods.filter((method) => method.method !== "base").map((method) => ({
    method,
    x: pairedPercent(pairedDifference(method, base, "test", "logloss"), base.test?.logloss),
    y: pairedDifference(method, base, "test", "ndcg10"),
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
      "probabilities. What to serve is up, and not to the right of the line.",
    draw: (box) => tradeoffDraw(box, points),
    note: "An arrow marks a method beyond the axis, with its value.",
    table: () => ({
      head: ["Method", "LogLoss against Base, %", "NDCG@10 against Base"],
      rows: points.map(({ method, x, y }) => ({
        cells: [methodsTitle(method), `${numberSigned(x.mean, 2)} (${numberInterval(x, 2)})`,
          `${numberSigned(y.mean)} (${numberInterval(y)})`],
      })),
    }),
  });
}

function tradeoffDraw(box, points) {
  const width = box.clientWidth;
  const height = Math.max(330, Math.min(480, width * 0.55));
  const narrow = width < 560;
  const margin = { left: 62, right: narrow ? 16 : 150, top: 26, bottom: 44 };
  const svg = plotSvg(box, { width, height, label: "NDCG@10 by LogLoss, both relative to Base" });
  const span = (key) => points.flatMap((point) => [point[key].low ?? point[key].mean, point[key].high ?? point[key].mean]);
  const x = d3.scaleLinear().domain(plotDomain(span("x"), { keep: [0] })).range([margin.left, width - margin.right]);
  const y = d3.scaleLinear().domain(plotDomain(span("y"), { keep: [0], fence: 8 }))
    .range([height - margin.bottom, margin.top]);
  plotAxisX(svg, x, { y: height - margin.bottom, height: height - margin.bottom - margin.top,
    ticks: narrow ? 4 : 8, title: "LogLoss against Base, %  (worse →)" });
  plotAxisY(svg, y, { x: margin.left, width: width - margin.left - margin.right, title: "NDCG@10 against Base  (better ↑)" });
  tradeoffCross(svg, x, y);
  const placed = points.map((point) => tradeoffPoint(svg, point, x, y));
  tradeoffLabels(svg, points, placed, { x, y, narrow, width });
}

function tradeoffCross(svg, x, y) {
  const [left, right] = d3.extent(x.range());
  const [top, bottom] = d3.extent(y.range());
  svg.append("line").attr("class", "reference").attr("x1", x(0)).attr("x2", x(0)).attr("y1", top).attr("y2", bottom);
  svg.append("line").attr("class", "reference").attr("x1", left).attr("x2", right).attr("y1", y(0)).attr("y2", y(0));
  methodsMark(svg, "base", x(0), y(0));
  svg.append("text").attr("class", "mark-label").attr("x", x(0) + 9).attr("y", y(0) + 15).text("Base");
}

function tradeoffPoint(svg, { method, x: fx, y: fy }, x, y) {
  const [px, py] = [plotHold(x, fx.mean), plotHold(y, fy.mean)];
  const { color } = methodsStyle(method.method);
  if (numberIs(fx.low) && px.off === 0) {
    svg.append("line").attr("class", "interval mark").attr("data-method", method.method).style("stroke", color)
      .attr("x1", plotHold(x, fx.low).at).attr("x2", plotHold(x, fx.high).at).attr("y1", py.at).attr("y2", py.at);
  }
  if (numberIs(fy.low) && py.off === 0) {
    svg.append("line").attr("class", "interval mark").attr("data-method", method.method).style("stroke", color)
      .attr("x1", px.at).attr("x2", px.at).attr("y1", plotHold(y, fy.low).at).attr("y2", plotHold(y, fy.high).at);
  }
  if (px.off !== 0 || py.off !== 0) {
    plotBeyond(svg, method.method, px.at, py.at, px.off !== 0 ? px.off * 90 : 90 - py.off * 90);
  } else {
    methodsMark(svg, method.method, px.at, py.at, 64);
  }
  plotTip(svg, px.at, py.at, [methodsTitle(method), `NDCG@10 ${numberSigned(fy.mean)} (${numberInterval(fy)})`,
    `LogLoss ${numberSigned(fx.mean, 2)} % (${numberInterval(fx, 2)})`]);
  return { x: px.at, y: py.at, off: px.off };
}

// Names to the right of everything, each joined to its point; on a narrow screen beside the points.
function tradeoffLabels(svg, points, placed, { x, y, narrow, width }) {
  const [top, bottom] = d3.extent(y.range());
  const heights = plotSpread(placed.map((at) => at.y), 16, top, bottom);
  const edge = x.range()[1];
  points.forEach(({ method, x: fx }, i) => {
    const { strong } = methodsStyle(method.method);
    const words = methodsTitle(method) + (placed[i].off === 0 ? "" : ` ${numberSigned(fx.mean, 1)} %`);
    const text = svg.append("text").attr("class", strong ? "mark-label strong" : "mark-label")
      .attr("data-method", method.method).attr("dy", "0.35em").text(words);
    if (narrow) {
      const left = placed[i].x > width * 0.6;
      text.attr("x", placed[i].x + (left ? -10 : 10)).attr("y", placed[i].y - 8).attr("text-anchor", left ? "end" : "start");
      return;
    }
    text.attr("x", edge + 22).attr("y", heights[i]);
    svg.append("path").attr("class", "leader")
      .attr("d", `M${placed[i].x + 8},${placed[i].y}L${edge + 4},${heights[i]}H${edge + 18}`);
  });
}
