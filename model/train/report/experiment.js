// The page of an experiment: the answer first, then the evidence.

function experimentPage(page) {
  verdictRankBy(page.rank);
  const methods = methodsSorted(page.methods);
  const served = methods.filter((method) => method.method !== "selfteacher");
  const seeds = Math.max(1, (page.seeds ?? []).length);
  return {
    title: String(page.title || page.name || "Experiment"),
    subtitle: experimentSubtitle(page, methods),
    sections: [
      ["answer", "Answer", [answerSection(page, served)]],
      ["evidence", "Ranking and probability", [tradeoffFigure(served), ...measuresSection(page, methods), ...productionSection(page), differencesFigure(page, served)]],
      ["ratios", "Weight ratio", [ratioFigure(page, methods)]],
      ["calibration", "Calibration", [experimentReliability(served, seeds), differencesTruth(methods)]],
      ["cost", "Money", [differencesMoney(served)]],
      ["learning", "Learning", [aboutTeacher(page.teacher_check), curvesFigure(served)]],
      ["claims", "Claims of the paper", claimsSection(page)],
      ["settings", "Settings", aboutSettings(page, methods)],
      ["data-used", "Data", aboutData(page)],
      ["reading", "Reading help", [aboutReading()]],
    ],
  };
}

function experimentSubtitle(page, methods) {
  const words = [];
  const train = page.data?.train;
  if (numberIs(train?.docs)) {
    words.push(`${numberCount(train.docs)} training documents in ${numberCount(train.lists)} lists`);
  }
  if (train?.docs > 0 && numberIs(train.clicks)) {
    words.push(`${numberText((100 * train.clicks) / train.docs, 1)} % clicked`);
  }
  words.push(`${methods.length} ${methods.length === 1 ? "model" : "models"}`);
  const seeds = (page.seeds ?? []).length;
  words.push(seeds === 1 ? "1 seed" : `${seeds} seeds`);
  if (numberIs(page.runs?.finished)) {
    words.push(`${numberCount(page.runs.finished)} runs`);
  }
  return words.join(" · ");
}

function experimentReliability(methods, seeds) {
  const hint = (method) => [
    numberIs(method.test?.pcoc?.mean) ? `PCOC ${numberText(method.test.pcoc.mean, 3)}` : "",
    numberIs(method.test?.slope?.mean) ? `slope ${numberText(method.test.slope.mean, 2)}` : "",
  ].filter(Boolean).join(" · ");
  return reliabilityFigure({
    id: "reliability", title: "Do the probabilities hold?",
    lead: "Test documents in bins of equal size by the probability promised, each method at its chosen setting, seeds pooled: how many were clicked?",
    panels: methods.map((method) => ({ key: method.method, title: methodsTitle(method), hint: hint(method),
      bins: reliabilityBins(method.reliability, seeds) })),
    absent: "No method has bins of promised and observed clicks.",
  });
}
