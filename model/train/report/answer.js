// The top of the page: the answer in one sentence, four numbers behind it, and what to be careful about.

function answerSection(page, methods) {
  const verdict = verdictOf(methods);
  if (verdict === null) {
    return dom("section", { id: "answer", class: "answer" },
      dom("h2", {}, "No answer yet"),
      dom("p", {}, "No method has finished with a measured test set, so there is nothing to compare."));
  }
  return dom("section", { id: "answer", class: "answer" },
    dom("p", { class: "eyebrow" }, "What to serve on this data"),
    dom("h2", {}, answerHeadline(verdict)),
    dom("p", { class: "summary" }, answerSummary(verdict)),
    dom("div", { class: "tiles" }, answerTiles(verdict, methods)),
    answerCautions(page, verdict, methods));
}

function answerHeadline({ choice, nothing, students, refused, base, sure }) {
  if (!nothing) {
    return `Serve ${methodsTitle(choice)}`;
  }
  if (students.length === 1) {
    return "Only Base was measured";
  }
  if (refused.some((method) => verdictContends(method, base))) {
    return "Serve Base: what ranks better spoils the probabilities";
  }
  return `Serve Base: no method is better${sure ? " beyond doubt" : ""}`;
}

function answerSummary(verdict) {
  const { choice, first, base, equals, refused, nothing, sure } = verdict;
  const sentences = [];
  const gap = base ? verdictGap(first === base ? choice : first, base, verdictRank.key) : null;
  if (!base) {
    sentences.push("It ranks best. Base was not measured here, so nothing is known of what distillation adds.");
  } else if (nothing && first !== base) {
    sentences.push(`${methodsTitle(first)} has the highest ${verdictRank.title}, but its lead of ${numberSigned(gap?.mean)} over Base ` +
      (sure ? `may be chance (95 % interval ${numberInterval(gap)}).` : "comes from one seed and may be chance."));
  } else if (!nothing) {
    const own = verdictGap(choice, base, verdictRank.key);
    const loss = pairedPercent(verdictGap(choice, base, "logloss"), base.test.logloss);
    sentences.push(`It ranks better than Base: ${verdictRank.title} ${numberSigned(own?.mean)}` +
      (numberIs(own?.low) ? ` (95 % interval ${numberInterval(own)}, ${own.n} paired seeds)` : "") +
      `, at a LogLoss of ${numberSigned(loss?.mean, 2)} %` + (numberIs(loss?.low) ? ` (${numberInterval(loss, 2)} %)` : "") +
      (loss?.mean > 0 ? `; up to +${VERDICT_LOGLOSS_PERCENT} % is accepted here.` : "."));
  }
  if (!nothing && equals.length > 0) {
    sentences.push(`In ranking, ${numberList(equals.map(methodsTitle))} cannot be told apart from the best; of these equals ` +
      `${methodsTitle(choice)} has the lowest LogLoss.`);
  }
  if (refused.length > 0) {
    sentences.push(`Set aside, because LogLoss is more than ${VERDICT_LOGLOSS_PERCENT} % above Base's: ` +
      `${numberList(refused.map((method) => answerRefusal(method, base)))}.`);
  }
  return sentences.join(" ");
}

function answerRefusal(method, base) {
  const percent = pairedPercent(verdictGap(method, base, "logloss"), base.test.logloss);
  const gain = verdictGap(method, base, verdictRank.key);
  return `${methodsTitle(method)} (${verdictRank.title} ${numberSigned(gain?.mean)}, LogLoss ${numberSigned(percent?.mean, 2)} %)`;
}

function answerTile(name, value, words, mood = "") {
  return dom("div", { class: `tile ${mood}` },
    dom("p", { class: "name" }, name), dom("p", { class: "value" }, value), dom("p", { class: "words" }, words));
}

function answerMood(gap, better) {
  if (gap?.significant !== true) {
    return "";
  }
  return (gap.mean > 0) === (better === "higher") ? "good" : "bad";
}

function answerTiles({ choice, base }, methods) {
  const teacher = methods.find((method) => method.method === "teacher");
  const { test } = choice;
  const against = base && choice !== base;
  const ndcg = against ? verdictGap(choice, base, verdictRank.key) : null;
  const loss = against ? pairedPercent(verdictGap(choice, base, "logloss"), base.test.logloss) : null;
  const share = against ? verdictShare(choice, base, teacher, verdictRank.key) : null;
  return [
    answerTile(`Ranking, ${verdictRank.title}`, numberMean(test[verdictRank.key]), ndcg ? `${numberSigned(ndcg.mean)} over Base` +
      (share === null ? "" : `: ${numberText(share, 0)} % of the teacher's lead`) : "higher is better", answerMood(ndcg, "higher")),
    answerTile("Probability, LogLoss", numberMean(test.logloss), loss
      ? `${numberSigned(loss.mean, 2)} % against Base` + (numberIs(loss.low) ? ` (${numberInterval(loss, 2)} %)` : "") : "lower is better", answerMood(loss, "lower")),
    answerTile("Calibration, PCOC and slope", `${numberText(test.pcoc?.mean, 3)} · ${numberText(test.slope?.mean, 3)}`,
      "level and spread of the probabilities; 1 and 1 are right"),
    answerMoney(choice, base),
  ];
}

function answerMoney(choice, base) {
  const regret = choice.test.regret_percent;
  if (!regret || !numberIs(regret.mean)) {
    return answerTile("Money", NUMBER_ABSENT, "the true click probability is not known here, so regret cannot be measured");
  }
  const gap = base && choice !== base ? verdictGap(choice, base, "regret_percent") : null;
  return answerTile("Money, auction regret", `${numberMean(regret, 3)} %`,
    `of the welfare lost to wrong probabilities${gap ? `; ${numberSigned(gap.mean, 3)} points against Base` : ""}`,
    answerMood(gap, "lower"));
}

function answerCautions(page, verdict, methods) {
  const cautions = [];
  const seeds = (page.seeds ?? []).length;
  if (!verdict.sure) {
    cautions.push("One seed only: there are no intervals, and no difference on this page is more than a hint. " +
      "Train the favourites with five seeds before deciding.");
  } else {
    cautions.push(`Intervals come from ${seeds || "the"} seeds of training on one split of the data: they tell how much ` +
      "luck in training matters, not how much another week of traffic would differ.");
  }
  const lists = verdict.choice.method === "clid" ? verdict.base?.bootstrap : null;
  if (lists?.minus === "clid" && numberIs(lists.low) && numberIs(lists.high)) {
    cautions.push(`With other test lists (bootstrap over ${numberCount(lists.lists)} of them) its lead over Base lies between ` +
      `${numberSigned(-lists.high)} and ${numberSigned(-lists.low)} NDCG@10.`);
  }
  if (verdict.students.length > 2) {
    cautions.push(`The best of ${verdict.students.length} was picked by the numbers shown here, which flatters the winner a little.`);
  }
  const edge = verdictAtEdge([verdict.choice], Array.isArray(page.sweep) ? page.sweep : []);
  if (edge.length > 0) {
    cautions.push(`The ratio chosen for ${methodsTitle(verdict.choice)} is at the end of the ratios tried; a better one may lie beyond.`);
  }
  if (page.teacher_check && page.teacher_check.better === false) {
    cautions.push(`The teacher does not beat Base (${page.teacher_check.words ?? "see below"}): nothing that distils it can be judged here.`);
  }
  const diverged = (page.diverged ?? []).length;
  if (diverged > 0) {
    cautions.push(`${diverged} ${diverged === 1 ? "run" : "runs"} diverged and left no measures: listed under Settings.`);
  }
  const claims = claimsKnown(page.claims);
  const seen = claims.filter((claim) => claim.seen === true).length;
  if (claims.length > 0) {
    cautions.push(dom("span", {}, `Of ${claims.length} orderings that the paper's results support, ${seen} ${seen === 1 ? "is" : "are"} seen here: `,
      dom("a", { href: "#claims" }, "which, and how clearly"), "."));
  }
  return dom("ul", { class: "cautions" }, cautions.map((words) => dom("li", {}, words)));
}
