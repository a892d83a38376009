/** Ends the program with one sentence. @param {string} sentence @returns {never} */
export function refuse(sentence) {
  console.error(sentence)
  process.exit(1)
}

/** When this command began; every later step counts its time from here. */
export const STARTED_AT = Date.now()

/** One line of progress with its time. @param {string} text */
export function say(text) {
  console.log(`${((Date.now() - STARTED_AT) / 1000).toFixed(1).padStart(6)} s  ${text}`)
}
