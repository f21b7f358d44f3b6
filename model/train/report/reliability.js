// Reliability diagrams: what was promised against what happened, in bins of equal mass, a panel a method. Where the true
// probability is known it is drawn too: its distance from the diagonal has no noise of clicks in it.

const RELIABILITY_LOG_REACH = 60; // probabilities that span more than this factor need log axes

// bins: [{ docs, p, clicks, truth|null }] with means; `repeats`: how often the same documents were counted.
function reliabilityBins(bins, repeats) {
  return (Array.isArray(bins) ? bins : []).filter((bin) => bin && numberIs(bin.p) && numberIs(bin.clicks)).map((bin) => {
    const docs = Math.max(1, (bin.docs ?? 1) / Math.max(1, repeats));
    // Wilson's interval: stays inside 0..1, also for bins without a click.
    const z = PAIRED_T_MANY;
    const middle = (bin.clicks + (z * z) / (2 * docs)) / (1 + (z * z) / docs);
    const half = (z / (1 + (z * z) / docs)) * Math.sqrt((bin.clicks * (1 - bin.clicks)) / docs + (z * z) / (4 * docs * docs));
    return { ...bin, docs, low: middle - half, high: middle + half };
  });
}

// panels: [{ key, title, hint, bins }], bins by reliabilityBins.
function reliabilityFigure({ id, title, lead, panels, absent }) {
  const drawn = panels.filter((panel) => panel.bins.length > 0);
  if (drawn.length === 0) {
    return figureAbsent({ id, title, words: absent });
  }
  const state = { view: "gap" };
  const truth = drawn.some((panel) => panel.bins.some((bin) => numberIs(bin.truth)));
  return figure({
    id, title,
    lead: lead + (truth ? " Rings: the true probability of the same documents." : ""),
    controls: [["Show", [["gap", "clicks − promise"], ["diagonal", "clicks by promise"]], (view) => { state.view = view; }]],
    draw: (box) => figureGrid(box, {
      panels: drawn, least: 210, aspect: state.view === "gap" ? 0.78 : 1,
      draw: (svg, panel, size) => reliabilityPanel(svg, panel, { view: state.view, all: drawn }, size),
    }),
    note: "Bars: 95 % interval of the click rate of a bin. On the line: right. Clicks below the line: the method promises too much. " +
      (truth ? "" : "The true probability is not known on this data, so noise of the clicks and error of the method are not apart."),
    table: () => ({
      head: ["Method", "bin", "documents", "promised", "clicked", "true"],
      rows: drawn.flatMap((panel) => panel.bins.map((bin, place) => ({
        cells: [panel.title, String(place + 1), numberCount(bin.docs), numberText(bin.p), numberText(bin.clicks), numberText(bin.truth)],
      }))),
    }),
  });
}

function reliabilityScales({ view, all }, { width, height }) {
  const margin = { left: 46, right: 10, top: view === "gap" ? 20 : 8, bottom: 40 };
  const bins = all.flatMap((panel) => panel.bins);
  const values = bins.flatMap((bin) => [bin.p, bin.clicks, bin.truth]).filter((value) => numberIs(value) && value > 0);
  const [least, most] = [d3.min(values) ?? 0.001, d3.max(values) ?? 1];
  const log = most / least > RELIABILITY_LOG_REACH;
  const across = [margin.left, width - margin.right];
  const up = [height - margin.bottom, margin.top];
  const along = log ? d3.scaleLog().domain([least * 0.8, most * 1.25]) : d3.scaleLinear().domain([0, most * 1.06]);
  if (view === "diagonal") {
    return { x: along.range(across), y: along.copy().range(up), log, margin };
  }
  const gaps = bins.flatMap((bin) => [bin.clicks - bin.p, bin.low - bin.p, bin.high - bin.p,
    numberIs(bin.truth) ? bin.truth - bin.p : 0]);
  const [low, high] = plotDomain(gaps, { keep: [0], fence: 2 });
  return { x: along.range(across), y: d3.scaleLinear().domain([low, high]).range(up), log, margin };
}

function reliabilityPanel(svg, panel, view, size) {
  const { x, y, log, margin } = reliabilityScales(view, size);
  const diagonal = view.view === "diagonal";
  const [left, right] = x.range();
  const bottom = y.range()[0];
  const ticks = log ? x.ticks(3).filter((tick) => /^1/.test(String(tick * 1e6))) : x.ticks(4);
  const percent = (value) => `${numberText(100 * value, Math.abs(value) < 0.0095 && value !== 0 ? 1 : 0)} %`;
  plotAxisX(svg, x, { y: bottom, height: bottom - margin.top, values: ticks, format: percent, title: "promised" });
  plotAxisY(svg, y, { x: left, width: right - left, values: diagonal ? ticks : y.ticks(4),
    format: diagonal ? percent : (value) => numberSigned(100 * value, Math.abs(y.domain()[1] - y.domain()[0]) < 0.04 ? 1 : 0),
    title: diagonal ? "" : "percentage points" });
  const ideal = diagonal ? [x.domain()[0], x.domain()[1]] : [0, 0];
  svg.append("line").attr("class", "reference").attr("x1", left).attr("x2", right).attr("y1", y(ideal[0])).attr("y2", y(ideal[1]));
  const clip = plotClip(svg, left, margin.top, right - left, bottom - margin.top);
  reliabilityMarks(svg, panel, { x, y, clip, ...reliabilityOf(diagonal, x) });
}

// How a bin stands in the two views: differences from the promise, or as it is (log axes have no 0).
function reliabilityOf(diagonal, x) {
  const floor = d3.min(x.domain());
  return {
    across: (bin) => Math.max(bin.p, floor),
    up: (value, bin) => (diagonal ? Math.max(value, floor) : value - bin.p),
  };
}

function reliabilityMarks(svg, panel, { x, y, clip, across, up }) {
  const { color } = methodsStyle(panel.key);
  const place = (value, bin) => y(up(value, bin));
  svg.append("path").attr("class", "gap mark").attr("clip-path", clip).attr("d", d3.area().x((bin) => x(across(bin)))
    .y0((bin) => place(bin.p, bin)).y1((bin) => place(bin.clicks, bin))(panel.bins)).style("fill", color);
  svg.append("path").attr("class", "line mark").attr("clip-path", clip).attr("d", d3.line().x((bin) => x(across(bin)))
    .y((bin) => place(bin.clicks, bin))(panel.bins)).style("stroke", color);
  panel.bins.forEach((bin) => reliabilityBin(svg, panel, bin, { x: x(across(bin)), y, clip, up, color }));
}

function reliabilityBin(svg, panel, bin, { x, y, clip, up, color }) {
  const { at, off } = plotHold(y, up(bin.clicks, bin));
  if (off !== 0) {
    plotBeyond(svg, panel.key, x, at, off > 0 ? 0 : 180);
  } else {
    svg.append("line").attr("class", "interval mark").attr("clip-path", clip).style("stroke", color).attr("x1", x).attr("x2", x)
      .attr("y1", y(up(bin.low, bin))).attr("y2", y(up(bin.high, bin)));
    svg.append("circle").attr("class", "mark").attr("cx", x).attr("cy", at).attr("r", 2.6).style("fill", color);
  }
  const truth = numberIs(bin.truth) ? plotHold(y, up(bin.truth, bin)) : null;
  if (truth && truth.off === 0) {
    svg.append("circle").attr("class", "truth mark").attr("cx", x).attr("cy", truth.at).attr("r", 3.4);
  }
  plotTip(svg, x, at, [panel.title, `promised ${numberText(100 * bin.p, 2)} %`,
    `clicked ${numberText(100 * bin.clicks, 2)} % (${numberText(100 * bin.low, 2)} to ${numberText(100 * bin.high, 2)})`,
    ...(truth ? [`true ${numberText(100 * bin.truth, 2)} %`] : []), `${numberCount(bin.docs)} documents`]);
}
