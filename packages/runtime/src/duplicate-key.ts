/**
 * The first key that stands twice in one object of a JSON text, which JSON.parse would drop without a
 * word; undefined when there is none.
 *
 * @param json a text that JSON.parse has accepted
 */
export function duplicateKey(json: string): string | undefined {
  // Keys of the objects we are in; undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  let lastString = '';
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      const end = endOfString(json, i);
      lastString = json.slice(i, end + 1);
      i = end;
    } else if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === ':') {
      const key: string = JSON.parse(lastString);
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

function endOfString(json: string, start: number): number {
  let i = start + 1;
  while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
  return i;
}
