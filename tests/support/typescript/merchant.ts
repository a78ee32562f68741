// A merchant's program on the generated client. It is compiled, never run: what must not compile says so.
import createClient from "openapi-fetch";
import type { components, paths, webhooks } from "./client";

const client = createClient<paths>({ baseUrl: "http://localhost:4000" });

export async function pay(): Promise<string> {
  const { data, error } = await client.POST("/api/v1/pix/payouts", {
    params: { header: { "Idempotency-Key": "order-1042" } },
    body: { amount: 4000, recipient: { pix_key: "somebody@example.com" }, metadata: { order: "1042" } },
  });
  if (error) throw new Error(`${error.error.code}: quote ${error.meta.request_id}`);
  const payout: components["schemas"]["Payout"] = data.data;
  return payout.end_to_end_id;
}

export async function everyAccount(): Promise<string[]> {
  const { data } = await client.GET("/api/v1/accounts", { params: { query: { page: 1, per_page: 100 } } });
  return data ? data.data.map((account) => account.id).slice(0, data.meta.total) : [];
}

export async function chargeIsGone(charge_id: string): Promise<boolean> {
  const { error } = await client.GET("/api/v1/pix/charges/{charge_id}", { params: { path: { charge_id } } });
  // @ts-expect-error no question about a charge is refused for want of funds
  if (error?.error.code === "insufficient_funds") return false;
  return error?.error.code === "charge_not_found";
}

export async function mistakes(): Promise<void> {
  // @ts-expect-error an amount is a number of centavos
  await client.POST("/api/v1/pix/charges", { body: { amount: "1500" } });
  // @ts-expect-error a payout has a recipient
  await client.POST("/api/v1/pix/payouts", { body: { amount: 1500 } });
  // @ts-expect-error a charge has no such field
  const body: components["schemas"]["OpenCharge"] = { amount: 1500, colour: "red" };
  await client.POST("/api/v1/pix/charges", { body });
  // @ts-expect-error there is nothing at this path
  await client.GET("/api/v1/nothing");
}

type Paid = webhooks["pix.charge.paid"]["post"]["requestBody"]["content"]["application/json"];

export function received(event: Paid): number {
  const charge: components["schemas"]["Charge"] = event.data;
  return charge.amount;
}
