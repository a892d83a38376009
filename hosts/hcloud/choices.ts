const MOST = 8

/** What can be had instead. @param names the best first */
export const choices = (names: string[], none: string): string =>
  names.length === 0 ? none : `choose one of ${names.slice(0, MOST).join(', ')}.`
