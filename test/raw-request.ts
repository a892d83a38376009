import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

export interface RawAnswer {
  status: number
  headers: Record<string, string>
  text: string
}

/** Sends bytes that no HTTP client would send. @param head lines of the request; the connection ends with it */
export async function rawRequest(origin: string, head: readonly string[], body = ''): Promise<RawAnswer> {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  const [top = '', ...rest] = (await text(socket)).split('\r\n\r\n')
  const [first = '', ...lines] = top.split('\r\n')
  const pairs = lines.map((line) => line.split(': '))
  return {
    status: Number(first.split(' ')[1]),
    headers: Object.fromEntries(pairs.map(([name = '', ...value]) => [name.toLowerCase(), value.join(': ')])),
    text: rest.join('\r\n\r\n'),
  }
}
