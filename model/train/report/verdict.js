// The answer that the experiment gives: which method to serve, and how sure that is. Pure: data in, facts out.
//
// The rule, told on the page: students whose test LogLoss is worse than Base's beyond doubt, and by more than what is
// accepted for a better order, are set aside. Of the others those contend that rank better than Base beyond doubt; if there
// are none, Base is to be served. Contenders that cannot be told apart from the one with the best ranking on the test set are equals,
// and the one of them with the lowest LogLoss is the choice.

// This much more LogLoss than Base, in percent of it, is accepted (the limit of claim A3).
const VERDICT_LOGLOSS_PERCENT = 0.3;

// The measure of ranking by which the experiment chose; of a page that does not say, NDCG@10.
const verdictRank = { key: "ndcg10", title: "NDCG@10" };

function verdictRankBy(rank) {
  if (typeof rank?.key === "string") {
    Object.assign(verdictRank, { key: rank.key, title: String(rank.title ?? rank.key) });
  }
}

function verdictMean(method, measure) {
  const mean = method?.test?.[measure]?.mean;
  return numberIs(mean) ? mean : null;
}

// Difference of two methods in a test measure, paired by seed.
function verdictGap(method, other, measure) {
  return pairedDifference(method, other, "test", measure);
}

function verdictSpoils(method, base) {
  const gap = verdictGap(method, base, "logloss");
  if (!base || method === base || !gap) {
    return false;
  }
  const doubtless = gap.low === null || gap.low > 0; // one seed has no interval to doubt by
  return doubtless && pairedPercent(gap, base.test?.logloss)?.mean > VERDICT_LOGLOSS_PERCENT;
}

// It ranks better than Base beyond doubt; without an interval (one seed), in the mean.
function verdictContends(method, base) {
  const gap = base && method !== base ? verdictGap(method, base, verdictRank.key) : null;
  return gap !== null && (numberIs(gap.low) ? gap.low > 0 : gap.mean > 0);
}

// Nobody can say that `method` ranks worse than `best`: the interval of the difference holds 0, or there is none.
function verdictTied(method, best) {
  const gap = verdictGap(method, best, verdictRank.key);
  return !gap || !numberIs(gap.high) || gap.high >= 0;
}

// { choice, first, base, equals, refused, students, nothing, sure }: `first` ranks best of those that are not
// refused, `equals` are the contenders that cannot be told apart from the best one (with it, without the choice);
// `nothing`: Base is the choice; `sure`: more than one seed.
// null: no student has been measured.
function verdictOf(methods) {
  const students = methods.filter((method) => method.role !== "teacher" && verdictMean(method, verdictRank.key) !== null &&
    verdictMean(method, "logloss") !== null);
  if (students.length === 0) {
    return null;
  }
  const find = (key) => students.find((method) => method.method === key) ?? null;
  const base = find("base");
  const refused = students.filter((method) => verdictSpoils(method, base));
  const allowed = students.filter((method) => !refused.includes(method));
  const ranked = d3.sort(allowed, (method) => -verdictMean(method, verdictRank.key));
  const [first] = ranked;
  const contenders = base ? ranked.filter((method) => verdictContends(method, base)) : ranked;
  const top = contenders.filter((method) => method === contenders[0] || verdictTied(method, contenders[0]));
  const nothing = top.length === 0;
  const choice = nothing ? base : d3.least(top, (method) => verdictMean(method, "logloss"));
  return {
    choice, first, base, refused, students, nothing, equals: top.filter((method) => method !== choice),
    sure: (first.test[verdictRank.key].values ?? []).filter(numberIs).length > 1,
  };
}

// How much of the teacher's lead over Base the method reaches, in percent; null where that has no meaning.
function verdictShare(method, base, teacher, measure) {
  const [m, b, t] = [method, base, teacher].map((one) => verdictMean(one, measure));
  if (m === null || b === null || t === null || verdictGap(teacher, base, measure)?.significant !== true) {
    return null;
  }
  return (100 * (m - b)) / (t - b);
}

// Methods whose chosen ratio is the first or the last of those tried: the grid may end too early.
function verdictAtEdge(methods, sweep) {
  return methods.filter((method) => {
    const ratios = sweep.filter((run) => run.method === method.method).map((run) => run.ratio).filter(numberIs);
    const [low, high] = d3.extent(ratios);
    return low < high && (method.chosen?.ratio === low || method.chosen?.ratio === high);
  });
}
