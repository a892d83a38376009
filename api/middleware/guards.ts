import type { Middleware } from 'koa'
import { AppError } from '../../common/errors.ts'

const UNREADABLE = 'Send the body as application/json in UTF-8, not compressed.'

/** Answers for the configured origin only: a page that makes its name point here gets nothing. */
export function onlyHost(publicOrigin: string): Middleware {
  const { host, hostname, port } = new URL(publicOrigin)
  const known = new Set([host])
  // The loopback interface is called by either name.
  if (hostname === '127.0.0.1') known.add(`localhost:${port}`)
  return async (ctx, next) => {
    // Of several headers a proxy may read another one than Node does.
    const hosts = ctx.req.headersDistinct.host ?? []
    const isKnown = hosts.length === 1 && known.has(ctx.get('Host').toLowerCase())
    // A request line with a whole URL names a host too, and says another one than the header where it likes.
    if (!isKnown || !ctx.req.url?.startsWith('/')) {
      throw new AppError('MISDIRECTED_REQUEST', `This API answers at ${publicOrigin} only.`)
    }
    await next()
  }
}

/** Answers are data for programs: nothing may frame, sniff, run or keep them. */
export const securityHeaders: Middleware = async (ctx, next) => {
  ctx.set('X-Content-Type-Options', 'nosniff')
  ctx.set('Cache-Control', 'no-store')
  ctx.set('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'")
  ctx.set('Referrer-Policy', 'no-referrer')
  await next()
}

/** A body must say that it is JSON; a form of a foreign page cannot. One of 64 KiB needs no compression. */
export const jsonOnly: Middleware = async (ctx, next) => {
  const hasBody = (ctx.request.length ?? 0) > 0 || ctx.get('Transfer-Encoding') !== ''
  const isPlain = ['', 'identity'].includes(ctx.get('Content-Encoding').toLowerCase())
  const isUtf8 = ['', 'utf-8', 'utf8'].includes(ctx.request.charset.toLowerCase())
  if (hasBody && !(ctx.is('application/json') && isPlain && isUtf8)) {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', UNREADABLE)
  }
  await next()
}
