// Learning curves: a panel a method, a line a seed, the epoch that was kept as a dot; Base's mean in grey behind.

const CURVES_MEASURES = [
  ["ndcg10", "validation NDCG@10", 4],
  ["logloss", "validation LogLoss", 4],
  ["train_loss", "training loss", 4],
];

// Beside NDCG@10 the measure of ranking that the experiment goes by, where it is another.
function curvesMeasures() {
  const others = CURVES_MEASURES.some(([key]) => key === verdictRank.key) ? []
    : [[verdictRank.key, `validation ${verdictRank.title}`, 4]];
  return [...others, ...CURVES_MEASURES];
}

function curvesPoints(method) {
  return (Array.isArray(method.curves) ? method.curves : []).filter((curve) => Array.isArray(curve?.points) && curve.points.length > 0);
}

function curvesFigure(methods) {
  const id = "curves";
  const title = "Learning, epoch by epoch";
  const drawn = methods.filter((method) => curvesPoints(method).length > 0);
  if (drawn.length === 0) {
    return figureAbsent({ id, title, words: "No run has left a learning curve." });
  }
  const measures = curvesMeasures();
  const state = { measure: measures[0] };
  const base = drawn.find((method) => method.method === "base");
  return figure({
    id, title,
    lead: "One line a seed, the dot is the epoch whose weights were kept. Grey: the mean of Base. " +
      "A curve that still rises at its end was stopped too early; one that falls after the dot over-fits.",
    controls: [["Measure", measures.map(([key, text]) => [key, text]),
      (key) => { state.measure = measures.find((measure) => measure[0] === key); }]],
    draw: (box) => curvesDraw(box, drawn, base, state.measure),
    note: "The training loss has its own axis for each method: losses of different methods are not comparable.",
    table: () => ({
      head: ["Method", "seed", "epochs", "kept", ...measures.slice(0, -1).map(([, text]) => `${text}, kept epoch`)],
      rows: drawn.flatMap((method) => curvesPoints(method).map((curve) => {
        const kept = curve.points.find((point) => point.epoch === curve.kept);
        return { cells: [methodsTitle(method), numberPlain(curve.seed), String(curve.points.length), numberPlain(curve.kept),
          ...measures.slice(0, -1).map(([key]) => numberText(kept?.[key]))] };
      })),
    }),
  });
}

// Mean over the seeds at each epoch that every seed has reached.
function curvesMean(method, key) {
  const curves = method ? curvesPoints(method) : [];
  const epochs = d3.min(curves, (curve) => curve.points.length) ?? 0;
  return d3.range(epochs).map((i) => ({
    epoch: curves[0].points[i].epoch,
    value: d3.mean(curves, (curve) => curve.points[i][key]),
  })).filter((point) => numberIs(point.value));
}

function curvesDraw(box, methods, base, [key, , digits]) {
  const values = (list) => list.flatMap((method) => curvesPoints(method).flatMap((curve) => curve.points.map((point) => point[key])));
  const epochs = d3.max(methods, (method) => d3.max(curvesPoints(method), (curve) => d3.max(curve.points, (point) => point.epoch)));
  const own = key === "train_loss";
  // The first epochs are far off and would press the rest flat: what lies beyond the axis is clipped.
  const domain = (list) => plotDomain(values(list), { fence: 2, keep: list.flatMap((method) => curvesPoints(method).map((curve) =>
    curve.points.find((point) => point.epoch === curve.kept)?.[key])) });
  const shared = domain(methods);
  figureGrid(box, {
    panels: methods.map((method) => ({ title: methodsTitle(method), method })),
    least: 210, aspect: 0.72,
    draw: (svg, { method }, size) => curvesPanel(svg, method, {
      key, digits, epochs, base: own ? [] : curvesMean(base, key), domain: own ? domain([method]) : shared,
    }, size),
  });
}

function curvesPanel(svg, method, { key, digits, epochs, base, domain }, { width, height }) {
  if (domain === null) {
    svg.append("text").attr("class", "nothing").attr("x", 8).attr("y", 30).text("not recorded");
    return;
  }
  const margin = { left: 50, right: 8, top: 8, bottom: 38 };
  const x = d3.scaleLinear().domain([1, Math.max(2, epochs)]).range([margin.left, width - margin.right]);
  const y = d3.scaleLinear().domain(domain).range([height - margin.bottom, margin.top]);
  const inner = { width: width - margin.left - margin.right, height: height - margin.bottom - margin.top };
  plotAxisX(svg, x, { y: height - margin.bottom, height: inner.height, title: "epoch",
    values: x.ticks(Math.min(6, epochs)).filter(Number.isInteger) });
  plotAxisY(svg, y, { x: margin.left, width: inner.width, ticks: 4 });
  const clip = plotClip(svg, margin.left, margin.top, inner.width, inner.height);
  if (method.method !== "base" && base.length > 0) {
    svg.append("path").attr("class", "behind mark").attr("clip-path", clip)
      .attr("d", d3.line().x((point) => x(point.epoch)).y((point) => y(point.value))(base));
  }
  const { color } = methodsStyle(method.method);
  for (const curve of curvesPoints(method)) {
    svg.append("path").attr("class", "curve mark").attr("clip-path", clip).style("stroke", color)
      .attr("d", d3.line().defined((point) => numberIs(point[key])).x((point) => x(point.epoch)).y((point) => y(point[key]))(curve.points));
    const kept = curve.points.find((point) => point.epoch === curve.kept);
    if (kept && numberIs(kept[key])) {
      const at = plotHold(y, kept[key]).at;
      svg.append("circle").attr("class", "kept mark").attr("cx", x(kept.epoch)).attr("cy", at).attr("r", 4).style("fill", color);
      plotTip(svg, x(kept.epoch), at, [methodsTitle(method), `seed ${numberPlain(curve.seed)}, epoch ${kept.epoch} of ${curve.points.length}`,
        numberText(kept[key], digits)]);
    }
  }
}
