/** The Pulumi project of every host stack, by hand and by the worker. */
export const PROJECT = 'dbhost'

/** A stack bears the name of its host, which is a DNS label: no `_` or `%`, which the state's look-ups would expand. */
export const stackName = (hostName: string): string => hostName

/** Our provider's package, and its version in every state. */
export const PROVIDER = { name: 'vps', version: '0.1.0' } as const
