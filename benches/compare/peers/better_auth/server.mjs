// Better Auth's plugin for API keys behind Node's own HTTP server: `node server.mjs PORT STORE FILE`.
// With redis:// keys are in its secondary storage alone, with postgres:// in its database.
// `keys` gets two keys, one a line: the first may read jobs.
import { writeFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { apiKey } from '@better-auth/api-key'
import { redisStorage } from '@better-auth/redis-storage'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { getMigrations } from 'better-auth/db/migration'
import { Redis } from 'ioredis'
import pg from 'pg'

const [port, store, file] = process.argv.slice(2)
const MINUTE = 60_000
const LIMIT = 1_000_000
const isRedis = store.startsWith('redis:')

// A refused key is an answer here, not an error to log.
const common = { baseURL: `http://127.0.0.1:${port}`, secret: 'a secret of the comparison, which signs nothing', logger: { disabled: true } }
const keys = { rateLimit: { enabled: true, timeWindow: MINUTE, maxRequests: LIMIT }, enableMetadata: true }
const auth = isRedis
  ? betterAuth({
      ...common,
      database: memoryAdapter({ user: [], session: [], account: [], verification: [], apikey: [] }),
      secondaryStorage: redisStorage({ client: new Redis(store) }),
      plugins: [apiKey({ ...keys, storage: 'secondary-storage' })],
    })
  : betterAuth({ ...common, database: new pg.Pool({ connectionString: store }), plugins: [apiKey(keys)] })

if (!isRedis) await (await getMigrations(auth.options)).runMigrations()
const context = await auth.$context
const user = await context.internalAdapter.createUser({ name: 'Comparison', email: 'comparison@example.com' })
const make = async (action) => {
  const made = await auth.api.createApiKey({ body: { name: 'Comparison', userId: user.id, permissions: { jobs: [action] } } })
  return made.key
}
writeFileSync('keys', `${await make('read')}\n${await make('write')}\n`)

const [head, body] = readFileSync(file, 'utf8').split('\n\n')
const headers = Object.fromEntries(head.split('\n').map((line) => line.split(': ')))
const sample = JSON.parse(body)

// The members of the answer, from the key that was verified.
const card = (key) =>
  JSON.stringify({
    ...sample,
    id: key.id,
    prefix: key.start,
    name: key.name,
    tenant_id: key.referenceId,
    scopes: Object.entries(key.permissions).flatMap(([what, actions]) => actions.map((action) => `${what}:${action}`)),
    rate_limit: key.rateLimitMax,
    enabled: key.enabled,
    created_at: key.createdAt,
    last_used_at: key.lastRequest,
    expires_at: key.expiresAt,
    metadata: key.metadata ?? {},
  })

// It says the same of a key that does not exist and of one that may not, but for the code.
const STATUS = { RATE_LIMITED: 429, KEY_NOT_FOUND: 403 }

createServer(async (request, response) => {
  const key = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
  const { valid, error, key: found } = await auth.api.verifyApiKey({ body: { key, permissions: { jobs: ['read'] } } })
  const text = valid ? card(found) : JSON.stringify({ detail: error.message })
  response.writeHead(valid ? 200 : (STATUS[error.code] ?? 401), { ...headers, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}).listen(Number(port), '127.0.0.1')
