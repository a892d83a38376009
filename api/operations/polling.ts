/** The queue notifies of new jobs only; a key that a job frees at its end is found by polling. */
const POLL_SECONDS = 0.5

/** How a worker takes jobs. @param count of jobs that it has in hand at the same time */
export const atOnce = (count: number) => ({
  localConcurrency: count,
  pollingIntervalSeconds: POLL_SECONDS,
  notifyPollingIntervalSeconds: POLL_SECONDS,
})
