// Rows of dots with intervals, a panel a measure: forest plots. Used for differences, for errors against the truth and
// for money.

const INTERVALS_ROW = 27;
const INTERVALS_LABEL = 132;

// rows: methods. panels: { title, hint, digits, reference, referenceText, signed, get(method) -> interval or null }, an
// interval being { mean, low, high, significant? }.
function intervalsDraw(box, { rows, panels, least = 330 }) {
  figureGrid(box, {
    panels, least,
    aspect: () => rows.length * INTERVALS_ROW + 58,
    draw: (svg, panel, size) => intervalsPanel(svg, panel, rows, size),
  });
}

function intervalsPanel(svg, panel, rows, { width, height }) {
  const fields = rows.map((row) => panel.get(row));
  const domain = plotDomainOf(fields, { keep: [panel.reference] });
  if (domain === null) {
    svg.append("text").attr("class", "nothing").attr("x", 8).attr("y", 30).text("not measured in this experiment");
    return;
  }
  const bottom = height - 42;
  const x = d3.scaleLinear().domain(domain).range([INTERVALS_LABEL, width - 14]);
  plotAxisX(svg, x, { y: bottom, height: bottom - 6, ticks: Math.max(2, Math.floor((width - INTERVALS_LABEL) / 75)),
    title: panel.axis });
  if (numberIs(panel.reference)) {
    svg.append("line").attr("class", "reference").attr("x1", x(panel.reference)).attr("x2", x(panel.reference))
      .attr("y1", 2).attr("y2", bottom);
  }
  rows.forEach((row, place) => {
    const y = 6 + INTERVALS_ROW * (place + 0.5);
    svg.append("text").attr("class", methodsStyle(row.method).strong ? "row strong" : "row")
      .attr("x", INTERVALS_LABEL - 10).attr("y", y).attr("dy", "0.35em").attr("text-anchor", "end")
      .text(intervalsShort(methodsTitle(row)));
    intervalsRow(svg, { x, y, row, field: fields[place], panel });
  });
}

function intervalsShort(title) {
  return title.length > 19 ? `${title.slice(0, 18)}…` : title;
}

function intervalsRow(svg, { x, y, row, field, panel }) {
  if (!field || !numberIs(field.mean)) {
    svg.append("text").attr("class", "nothing").attr("x", x.range()[0] + 6).attr("y", y).attr("dy", "0.35em")
      .text(panel.absent?.(row) ?? NUMBER_ABSENT);
    return;
  }
  const { color } = methodsStyle(row.method);
  const { at, off } = plotHold(x, field.mean);
  const show = panel.signed ? numberSigned : numberText;
  if (off === 0 && numberIs(field.low) && numberIs(field.high)) {
    svg.append("line").attr("class", "interval mark").attr("data-method", row.method)
      .attr("x1", plotHold(x, field.low).at).attr("x2", plotHold(x, field.high).at).attr("y1", y).attr("y2", y)
      .style("stroke", color);
  }
  if (off !== 0) {
    plotBeyond(svg, row.method, at, y, off * 90);
    svg.append("text").attr("class", "beyond-text halo").attr("x", at - off * 12).attr("y", y).attr("dy", "0.35em")
      .attr("text-anchor", off > 0 ? "end" : "start").text(show(field.mean, panel.digits));
  } else {
    const dot = svg.append("circle").attr("class", "mark dot").attr("data-method", row.method)
      .attr("cx", at).attr("cy", y).attr("r", 5).style("stroke", color)
      .style("fill", field.significant === false || field.significant === null ? "var(--paper)" : color);
    dot.classed("open", field.significant === false);
  }
  const bounds = `95 %: ${numberInterval(field, panel.digits, show)}`;
  plotTip(svg, at, y, [methodsTitle(row), `${panel.title}: ${show(field.mean, panel.digits)}`, bounds]);
}

// The table beside such a figure.
function intervalsTable(rows, panels) {
  return {
    head: ["Method", ...panels.map((panel) => panel.title)],
    rows: rows.map((row) => ({
      cells: [methodsTitle(row), ...panels.map((panel) => {
        const field = panel.get(row);
        const show = panel.signed ? numberSigned : numberText;
        return field && typeof field.mean === "number"
          ? `${show(field.mean, panel.digits)} (${numberInterval(field, panel.digits, show)})`
          : NUMBER_ABSENT;
      })],
    })),
  };
}

// mean ± half of a test measure as an interval.
function intervalsOf(field) {
  if (!field || typeof field.mean !== "number") {
    return null;
  }
  const half = numberIs(field.half) ? field.half : null;
  return { mean: field.mean, low: half === null ? null : field.mean - half,
    high: half === null ? null : field.mean + half, n: (field.values ?? []).length };
}
