import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until something holds. @throws with the last thing that was seen, where it does not within the time given */
export async function until(
  what: string,
  look: () => Promise<boolean | string>,
  seconds = 120,
): Promise<void> {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const seen = await look()
    if (seen === true) return
    if (Date.now() > end)
      throw new Error(`${what} did not come about within ${seconds} s; seen last: ${seen}`)
    await sleep(300)
  }
}
