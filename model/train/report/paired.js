// Differences of two methods that ran with the same seeds: mean and 95 % interval by Student's t, as in results.json,
// for the pairs that it does not list (it has every method against Base and against CLID).

// 97.5 % points of Student's t by degrees of freedom 1..30.
const PAIRED_T = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];
const PAIRED_T_MANY = 1.96;

// What results.json calls an interval: { mean, low, high, significant, n }, bounds null for fewer than two pairs.
// null: there is nothing to compare.
function pairedDifference(method, other, part, measure) {
  const a = method?.[part]?.[measure]?.values ?? [];
  const b = other?.[part]?.[measure]?.values ?? [];
  if (a.length !== b.length) {
    return null;
  }
  const pairs = a.map((value, i) => [value, b[i]]).filter(([x, y]) => numberIs(x) && numberIs(y));
  return pairs.length === 0 ? null : pairedInterval(pairs.map(([x, y]) => x - y));
}

function pairedInterval(differences) {
  const n = differences.length;
  const mean = d3.mean(differences);
  if (n < 2) {
    return { mean, low: null, high: null, significant: null, n };
  }
  const half = ((PAIRED_T[n - 2] ?? PAIRED_T_MANY) * d3.deviation(differences)) / Math.sqrt(n);
  return { mean, low: mean - half, high: mean + half, significant: Math.abs(mean) > half, n };
}

// The same as percent of the other's mean.
function pairedPercent(difference, other) {
  const scale = 100 / Math.abs(other?.mean ?? NaN);
  if (!difference || !numberIs(scale)) {
    return null;
  }
  const times = (value) => (numberIs(value) ? value * scale : null);
  return { ...difference, mean: times(difference.mean), low: times(difference.low), high: times(difference.high) };
}
