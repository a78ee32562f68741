/** What the guide shows, for the institution's own address. The words of the shell are not translated. */
export const snippetsOf = (api: string) => ({
  key: `export KEY=sk_live_…\nAPI=${api}\nAUTH="Authorization: Bearer $KEY"\nJSON="Content-Type: application/json"`,

  charge: `curl -s $API/pix/charges -H "$AUTH" -H "$JSON" \\
  -H "Idempotency-Key: order-1001" \\
  -d '{"amount": 15000, "description": "order 1001"}'`,

  webhook: `curl -s $API/webhooks -H "$AUTH" -H "$JSON" \\
  -d '{"url": "https://shop.example/hooks", "events": ["pix.*"]}'`,

  verify: `from standardwebhooks import Webhook

event = Webhook("whsec_…").verify(request.body, request.headers)`,

  verifyNode: `import { Webhook } from 'standardwebhooks'

const event = new Webhook('whsec_…').verify(rawBody, headers)`,

  payout: `curl -s $API/pix/payouts -H "$AUTH" -H "$JSON" \\
  -H "Idempotency-Key: salary-2026-11-ana" \\
  -d '{"amount": 4000, "recipient": {"pix_key": "ana@example.com"}}'`,

  refund: `curl -s $API/pix/refunds -H "$AUTH" -H "$JSON" \\
  -H "Idempotency-Key: return-1001" \\
  -d '{"charge_id": "chg_…", "amount": 5000}'`,

  balance: `curl -s $API/accounts -H "$AUTH"\ncurl -s $API/accounts/acc_…/balance -H "$AUTH"`,

  error: `{
  "error": {"code": "insufficient_funds", "message": "…", "details": {}},
  "meta": {"request_id": "req_…"}
}`,
})
