import pino from 'pino'

export type Logger = pino.Logger

/** Without passwords of connection strings and the values of rows that PostgreSQL quotes, wherever they stand. */
function scrub(text: string): string {
  return text
    .replace(/(\w+:\/\/[^\s:/@]+:)[^\s@]+@/g, '$1[secret]@')
    .replace(/(Failing row contains|Key \([^)]*\)=) ?\(.*\)/g, '$1 [values]')
}

const serializeError = (error: unknown): unknown =>
  error instanceof Error
    ? { type: error.name, message: scrub(error.message), stack: scrub(error.stack ?? '') }
    : scrub(String(error))

/** One JSON line per event on standard output. Log chosen fields, never whole requests or rows. */
export function createLogger(program: string, level = 'info'): Logger {
  return pino({
    level,
    base: { program },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: serializeError, error: serializeError },
  })
}
