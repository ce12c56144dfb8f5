/**
 * The word of a list that was most likely meant, if one is near enough: at most a third of the letters differ (a
 * swapped pair counts once), the words differ in case or separators only, or one is the beginning of the other ("cert" and
 * "certificate").
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  // Words of strangers' length are not compared: the work is the product of the lengths.
  if (word.length > 64) return undefined;
  const plain = plainForm(word);
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const form = plainForm(candidate);
    const distance = plain === form ? 0 : isBeginning(plain, form) ? 1 : editDistance(plain, form);
    const allowed = Math.floor(Math.max(form.length, plain.length) / 3);
    if (distance <= allowed && distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** `did you mean "x"?` as a sentence, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const meant = nearest(word, known);
  return meant === undefined ? undefined : `Did you mean ${JSON.stringify(meant)}?`;
}

function isBeginning(one: string, other: string): boolean {
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  return short.length >= 3 && long.startsWith(short);
}

function plainForm(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, "");
}

/** Optimal string alignment: insert, delete, replace, swap neighbours. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
