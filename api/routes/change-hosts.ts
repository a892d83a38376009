import type Router from '@koa/router'
import type { z } from 'zod'
import { AppError } from '../../common/errors.ts'
import { Secret } from '../../common/secret.ts'
import { Host } from '../model/host.ts'
import { Operation } from '../model/operation.ts'
import { addHostBody, changeHostBody, confirmedQuery, previewQuery } from '../schemas/host-requests.ts'
import { presentHost } from '../schemas/hosts.ts'
import { presentOperation } from '../schemas/operations.ts'
import { buyHost, previewChange, resizeHost } from '../services/bought-hosts.ts'
import { findHost } from '../services/find-host.ts'
import { registerHost, removeHost, setUpdateWindow } from '../services/hosts.ts'
import { idempotent } from './idempotent.ts'
import { type Call, mount, type RouteContext } from './route.ts'
import { answerWhenEnded } from './waiting.ts'

const ALLOW = 'manage-hosts'

type AnyCall = Pick<Call<unknown, unknown>, 'ctx' | 'em'>

/** Hosts that come, change and go; the operator's business. */
export function mountHostChanges(router: Router, context: RouteContext): void {
  const { publicOrigin } = context

  async function answerHost({ ctx, em }: AnyCall, operation: Operation, status: number): Promise<void> {
    const answer = async (now: Operation): Promise<void> => {
      const host = await em.fork().findOneOrFail(Host, { id: now.host.id })
      ctx.body = { ...presentHost(host, true, publicOrigin), operation: presentOperation(now) }
    }
    await answerWhenEnded(context, ctx, operation, {
      done: async (now) => {
        await answer(now)
        ctx.status = status
      },
      pending: answer,
    })
  }

  async function answerPreview({ ctx }: AnyCall, operation: Operation): Promise<void> {
    const answer = async (now: Operation): Promise<void> => {
      ctx.body = { operation: presentOperation(now) }
    }
    await answerWhenEnded(context, ctx, operation, { done: answer, pending: answer })
  }

  const kept = (em: Call<unknown, unknown>['em']) => (id: string) =>
    em.fork().findOneOrFail(Operation, { id })

  mount(router, context, {
    ...{ method: 'post', path: '/hosts', allow: ALLOW, body: addHostBody, query: previewQuery },
    handle: async (call) => {
      const { actor, body, em, query } = call
      if (body.kind !== 'hcloud') {
        if (query.preview) throw nothingToPreview(body.kind)
        return await register(context, { ...call, body })
      }
      const { name, tenancy, serverType, location, volumeGb, placementGroup = null, domain = null } = body
      const cloud = { serverType, location, image: 'debian-13', volumeGb, placementGroup, domain }
      const { preview } = query
      const operation = await idempotent<Operation>(
        context,
        { ...call, body: { ...body, preview } },
        (claim) => buyHost(context, actor, { name, tenancy, cloud }, { preview, claim }),
        kept(em),
      )
      if (preview) await answerPreview(call, operation)
      else await answerHost(call, operation, 201)
    },
  })

  mount(router, context, {
    ...{ method: 'patch', path: '/hosts/:id', allow: ALLOW, body: changeHostBody, query: confirmedQuery },
    handle: async (call) => {
      const { actor, em, params, body, query } = call
      const host = await findHost(em, actor, params.id ?? '')
      const { updates, ...resize } = body
      if (Object.keys(resize).length === 0) {
        if (query.preview) throw nothingToPreview('updates')
        if (!updates) throw new AppError('VALIDATION_ERROR', 'Nothing is to be changed: name a field.')
        const { operation } = await setUpdateWindow(
          context,
          actor,
          host.id,
          updates.window,
          '/updates/window',
        )
        return await answerHost(call, operation, 200)
      }
      if (updates)
        throw new AppError('VALIDATION_ERROR', 'Change the size and the updates one after the other.')
      if (query.preview) return await answerPreview(call, await previewChange(context, actor, host, resize))
      await answerHost(call, await resizeHost(context, actor, host, resize, query.confirm), 200)
    },
  })

  mount(router, context, {
    ...{ method: 'delete', path: '/hosts/:id', allow: ALLOW, query: confirmedQuery },
    handle: async (call) => {
      const { ctx, actor, em, params, query } = call
      const host = await findHost(em, actor, params.id ?? '')
      if (query.preview) {
        if (!host.cloud) throw nothingToPreview(host.spec.kind)
        return await answerPreview(call, await previewChange(context, actor, host, 'give-back'))
      }
      if (query.confirm !== host.name) throw unconfirmed(host)
      const { operation } = await removeHost(context, actor, host.id)
      if (!operation) {
        ctx.status = 204
        return
      }
      await answerWhenEnded(context, ctx, operation, {
        done: async () => {
          ctx.status = 204
        },
        pending: async (now) => {
          ctx.body = { operation: presentOperation(now) }
        },
      })
    },
  })
}

type Owned = Exclude<z.output<typeof addHostBody>, { kind: 'hcloud' }>

/** A machine that somebody has already. Its first converge, or the boot before it, goes on after the answer. */
async function register(
  context: RouteContext,
  { ctx, actor, em, body }: Call<Owned, unknown>,
): Promise<void> {
  const input = body.kind === 'ssh' ? { ...body, privateKey: new Secret(body.privateKey) } : body
  const host = await idempotent<Host>(
    context,
    { ctx, actor, body },
    async (claim) => (await registerHost(context, actor, input, claim)).host,
    (id) => em.fork().findOneOrFail(Host, { id }),
  )
  const operation = await em.fork().findOne(Operation, { host: host.id, kind: 'converge-host' })
  ctx.body = {
    ...presentHost(host, true, context.publicOrigin),
    operation: operation && presentOperation(operation),
  }
  ctx.status = 201
}

const nothingToPreview = (what: string): AppError =>
  new AppError(
    'VALIDATION_ERROR',
    `There is no preview of this (${what}): nothing is bought or given back.`,
    {
      fields: [{ field: 'preview', message: 'is for what is bought' }],
    },
  )

/** What goes with a host, in words for whoever is about to lose it. */
function unconfirmed({ name, spec }: Host): AppError {
  const lost = {
    hcloud: 'its machine, its addresses and its data volume with everything on it are given back',
    local: 'its machine is removed with everything on it',
    ssh: 'it is forgotten; what is on the machine stays there',
  }[spec.kind]
  return new AppError(
    'CONFIRMATION_REQUIRED',
    `When ${name} is deleted, ${lost}. Repeat this with confirm=${name}.`,
    {
      fields: [{ field: 'confirm', message: `must be the name of the host, ${name}` }],
    },
  )
}
