/** The codes that this emulator answers, with the HTTP status that the API documents for each. */
const STATUS = {
  json_error: 400,
  unauthorized: 401,
  token_readonly: 401,
  forbidden: 403,
  maintenance: 403,
  resource_limit_exceeded: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  uniqueness_error: 409,
  deprecated_api_endpoint: 410,
  primary_ip_version_mismatch: 412,
  resource_unavailable: 412,
  unavailable: 412,
  already_in_placement_group: 422,
  firewall_already_applied: 422,
  firewall_managed_by_label_selector: 422,
  firewall_resource_not_found: 404,
  incorrect_zone_mode: 422,
  invalid_input: 422,
  invalid_server_type: 422,
  must_be_unassigned: 422,
  no_space_left_in_location: 422,
  placement_error: 422,
  placement_group_member_limit_reached: 422,
  primary_ip_already_assigned: 422,
  primary_ip_assigned: 422,
  primary_ip_datacenter_mismatch: 422,
  private_net_only_server: 422,
  resource_in_use: 422,
  server_already_added: 422,
  server_has_ipv4: 422,
  server_has_ipv6: 422,
  server_not_stopped: 422,
  service_error: 422,
  unsupported_error: 422,
  volume_already_attached: 422,
  locked: 423,
  protected: 423,
  rate_limit_exceeded: 429,
  server_error: 500,
  bad_gateway: 502,
  timeout: 504,
} as const

export type ErrorCode = keyof typeof STATUS

interface More {
  details?: object
  /** Where one code has two statuses: it depends on the call. */
  status?: number
}

/** What a call is refused with. */
export class ApiError extends Error {
  readonly code: ErrorCode
  readonly details: object | null
  readonly status: number

  constructor(code: ErrorCode, message: string, more: More = {}) {
    super(message)
    this.code = code
    this.details = more.details ?? null
    this.status = more.status ?? STATUS[code]
  }

  get body(): object {
    return { error: { code: this.code, message: this.message, details: this.details } }
  }
}

/** @param fields name of each bad field, with what is wrong with it */
export function invalidInput(fields: Map<string, string[]>): ApiError {
  const [first = ['', []]] = fields
  const details = { fields: Array.from(fields, ([name, messages]) => ({ name, messages })) }
  return new ApiError('invalid_input', `invalid input in field '${first[0]}': ${first[1][0]}`, { details })
}

export const invalid = (field: string, message: string): ApiError =>
  invalidInput(new Map([[field, [message]]]))
