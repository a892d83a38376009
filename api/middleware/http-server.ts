import { randomUUID } from 'node:crypto'
import { createServer, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { AppError } from '../../common/errors.ts'
import { problemOf } from './problems.ts'

/** What the HTTP parser refuses before any middleware sees it, by its code. */
const REFUSED: Record<string, [number, string]> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers of this request are larger than 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
}

function refuse(error: NodeJS.ErrnoException, socket: Duplex & { bytesWritten?: number }): void {
  // Behind an earlier answer it could be read as a part of that.
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten) {
    socket.destroy()
    return
  }
  const [status, detail] = REFUSED[error.code ?? ''] ?? [400, 'This is not a valid HTTP request.']
  const problem = problemOf(new AppError('INVALID_REQUEST', detail), randomUUID())
  const title = STATUS_CODES[status] ?? 'Error'
  const body = JSON.stringify({ ...problem, title, status })
  const headers = ['Connection: close', 'Content-Type: application/problem+json', 'Cache-Control: no-store']
  const length = `Content-Length: ${Buffer.byteLength(body)}`
  socket.end([`HTTP/1.1 ${status} ${title}`, ...headers, length, '', body].join('\r\n'))
}

/** An HTTP server that answers with problems also where no middleware is reached. */
export function createHttpServer(): Server {
  const server = createServer({
    // A request waits for its operation for up to a minute; a client that sends slowly does not get that long.
    ...{ requestTimeout: 30_000, headersTimeout: 10_000 },
    // A request without a Host header is answered as one with a wrong one.
    requireHostHeader: false,
  })
  server.on('clientError', refuse)
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  return server
}
