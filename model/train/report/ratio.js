// The figure of the paper: measures by weight ratio, a line a method, Base as a band. Runs of the search, one seed.

const RATIO_MEASURES = [
  { key: "ndcg10", title: "NDCG@10", hint: "higher is better", digits: 4 },
  { key: "logloss", title: "LogLoss", hint: "lower is better", digits: 4 },
  { key: "slope", title: "Calibration slope", hint: "1 is right; below 1 over-confident", digits: 3, ideal: 1 },
  { key: "true_error", title: "Error against the true probability", hint: "root mean square; lower is better", digits: 4 },
  { key: "regret_percent", title: "Auction regret, %", hint: "welfare lost; lower is better", digits: 3 },
];

// The ranking that the experiment goes by stands first.
function ratioMeasures() {
  const own = { key: verdictRank.key, title: verdictRank.title, hint: "higher is better", digits: 4 };
  return RATIO_MEASURES.some((measure) => measure.key === own.key) ? RATIO_MEASURES : [own, ...RATIO_MEASURES.slice(1)];
}

// [{ method, tau, chosen, runs }]: a line for each temperature of a method, runs by ascending ratio.
function ratioLines(page, methods) {
  const sweep = (Array.isArray(page.sweep) ? page.sweep : []).filter((run) => numberIs(run?.ratio) && run.ratio > 0);
  const lines = [];
  for (const method of methods) {
    const own = sweep.filter((run) => run.method === method.method &&
      (run.lr === method.chosen?.lr || method.chosen?.lr === undefined || method.chosen?.lr === null));
    for (const [tau, runs] of d3.groups(own, (run) => run.tau ?? null)) {
      lines.push({ method, tau, chosen: tau === (method.chosen?.tau ?? null), runs: d3.sort(runs, (run) => run.ratio) });
    }
  }
  return lines.filter((line) => d3.groups(line.runs, (run) => run.ratio).length > 1);
}

// Base of a search that saw a share of the lists: its chosen search run, a value without an interval.
function ratioBase(page) {
  const run = (page.sweep ?? []).find((one) => one.method === "base" && one.chosen);
  const fields = (part) => Object.fromEntries(Object.entries(run?.[part] ?? {}).map(([key, value]) => [key, { values: [value] }]));
  return { valid: fields("valid"), test: fields("test") };
}

function ratioFigure(page, methods) {
  const id = "ratio";
  const title = "How much weight for the teacher?";
  const lines = ratioLines(page, methods);
  if (lines.length === 0) {
    return figureAbsent({ id, title, words: "Only one weight ratio was tried for each method, so there is nothing to draw against it." });
  }
  const state = { part: "test" };
  const share = page.search_percent < 100;
  const base = methods.find((method) => method.method === "base");
  const shown = methods.filter((method) => lines.some((line) => line.method === method));
  const taus = lines.some((line) => !line.chosen);
  return figure({
    id, title,
    lead: `Measures by the ratio r of the distillation loss to the loss on clicks, search seed ${page.search_seed ?? "–"}. ` +
      "To the far left every method becomes Base. Rings mark the settings chosen for the final runs.",
    legend: shown,
    controls: [["Measured on", [["test", "test set"], ["valid", "validation set (what the choice saw)"]],
      (part) => { state.part = part; }]],
    draw: (box) => ratioDraw(box, { lines, base: share ? ratioBase(page) : base, part: state.part, seed: share ? 0 : (page.seeds ?? []).indexOf(page.search_seed) }),
    note: (share ? `These runs learned from ${page.search_percent} % of the training lists; dotted: Base on the same share. ` :
      "Grey band: Base over all seeds, mean and 95 % interval; dotted: Base with the search seed, the fair neighbour of these runs. ") +
      (taus ? "Thin lines: the same method at temperatures that were not chosen. " : "") +
      "Arrows at an edge: the value lies beyond the axis. A diverged run is a gap.",
    table: () => ratioTable(lines, state.part),
  });
}

function ratioPanels(lines, part) {
  return ratioMeasures().filter((measure) =>
    lines.some((line) => line.runs.some((run) => numberIs(run[part]?.[measure.key]))));
}

function ratioTable(lines, part) {
  const panels = ratioPanels(lines, part);
  return {
    head: ["Method", "τ", "r", "status", ...panels.map((panel) => panel.title)],
    rows: lines.flatMap((line) => line.runs.map((run) => ({
      cells: [methodsTitle(line.method), numberPlain(line.tau), numberPlain(run.ratio), String(run.status ?? ""),
        ...panels.map((panel) => numberText(run[part]?.[panel.key], panel.digits))],
    }))),
  };
}

function ratioDraw(box, { lines, base, part, seed }) {
  const panels = ratioPanels(lines, part);
  if (panels.length === 0) {
    box.append(dom("p", { class: "nothing" }, "The runs of the search have no measures on this set."));
    return;
  }
  const ratios = d3.sort(new Set(lines.flatMap((line) => line.runs.map((run) => run.ratio))));
  const draw = (svg, panel, size) =>
    ratioPanel(svg, panel, { lines, base: base?.[part]?.[panel.key], part, seed, ratios }, size);
  figureGrid(box, { panels: panels.slice(0, 2), least: 400, aspect: 0.66, draw });
  if (panels.length > 2) {
    figureGrid(box, { panels: panels.slice(2), least: 300, aspect: 0.74, draw });
  }
}

function ratioPanel(svg, panel, { lines, base, part, seed, ratios }, { width, height }) {
  const margin = { left: 54, right: 14, top: 12, bottom: 44 };
  const value = (run) => run[part]?.[panel.key];
  const x = d3.scaleLog().domain(d3.extent(ratios)).range([margin.left + 8, width - margin.right]);
  const all = lines.flatMap((line) => line.runs.map(value));
  const band = intervalsOf(base);
  const y = d3.scaleLinear().domain(ratioDomain(all, band, panel.ideal, lines.length))
    .range([height - margin.bottom, margin.top]);
  const inner = { left: margin.left, width: width - margin.left - margin.right, height: height - margin.bottom - margin.top };
  plotAxisX(svg, x, { y: height - margin.bottom, height: inner.height, values: ratioTicks(ratios, width),
    format: ratioTick, title: "weight ratio r (log)" });
  plotAxisY(svg, y, { x: margin.left, width: inner.width });
  ratioBand(svg, { band, seedValue: base?.values?.[seed], ideal: panel.ideal }, y, inner);
  const clip = plotClip(svg, margin.left, margin.top - 4, inner.width + 8, inner.height + 8);
  const order = d3.sort(lines, (line) => (methodsStyle(line.method.method).strong ? 2 : Number(line.chosen)));
  order.forEach((line) => ratioLine(svg, line, { x, y, value, clip, panel }));
}

// With two seeds the band of Base is wider than all else: it is seen whole only where it does not flatten the lines.
function ratioDomain(values, band, ideal, lines) {
  const fence = lines > 4 ? 1.2 : 3;
  const [low, high] = plotDomain(values, { keep: [ideal, band?.mean], fence });
  const reach = high - low;
  const keep = [Math.max(band?.low ?? low, low - reach / 2), Math.min(band?.high ?? high, high + reach / 2), ideal];
  return plotDomain(values, { keep, fence });
}

function ratioTick(value) {
  return value >= 10000 || value < 0.001 ? d3.format("~e")(value).replace("e+", "e").replace("-", "−") : numberPlain(value);
}

function ratioTicks(ratios, width) {
  const step = Math.max(1, Math.ceil((ratios.length * 44) / width));
  return ratios.filter((_, place) => place % step === 0);
}

function ratioBand(svg, { band, seedValue, ideal }, y, { left, width }) {
  if (band && numberIs(band.mean)) {
    const [high, low] = [band.high ?? band.mean, band.low ?? band.mean].map((value) => plotHold(y, value).at);
    svg.append("rect").attr("class", "band").attr("x", left).attr("width", width)
      .attr("y", high).attr("height", Math.max(low - high, 1.5));
  }
  for (const [at, name] of [[seedValue, "seed-line"], [ideal, "reference"]]) {
    if (numberIs(at)) {
      const held = plotHold(y, at).at;
      svg.append("line").attr("class", name).attr("x1", left).attr("x2", left + width).attr("y1", held).attr("y2", held);
    }
  }
}

function ratioLine(svg, line, { x, y, value, clip, panel }) {
  const key = line.method.method;
  const style = methodsStyle(key);
  svg.append("path").attr("class", "line mark").attr("data-method", key).attr("clip-path", clip)
    .classed("thin", !line.chosen).classed("strong", Boolean(style.strong))
    .attr("d", d3.line().defined((run) => numberIs(value(run))).x((run) => x(run.ratio)).y((run) => y(value(run)))(line.runs))
    .style("stroke", style.color).style("stroke-dasharray", style.dash ?? null);
  for (const run of line.runs.filter((one) => numberIs(value(one)))) {
    const { at, off } = plotHold(y, value(run));
    if (run.chosen) {
      svg.append("circle").attr("class", "ring mark").attr("data-method", key).attr("cx", x(run.ratio)).attr("cy", at)
        .attr("r", 9).style("stroke", style.color);
    }
    if (off !== 0) {
      plotBeyond(svg, key, x(run.ratio), at, off > 0 ? 0 : 180);
    } else if (line.chosen) {
      methodsMark(svg, key, x(run.ratio), at, 30);
    }
    plotTip(svg, x(run.ratio), at, [methodsTitle(line.method),
      `r = ${numberPlain(run.ratio)}${line.tau === null ? "" : `, τ = ${numberPlain(line.tau)}`}${run.chosen ? " (chosen)" : ""}`,
      `${panel.title}: ${numberText(value(run), panel.digits)}`], 8);
  }
}
