import { answerOf, api, useRead, useSession } from '@fluxiq/kit'

export interface Counts {
  scheduled: number
  awaiting: number
  reports: number
}

/** What somebody would want to know without looking for it. Counted by the API, a page of one each. */
export function useNotices() {
  const { may } = useSession()
  return useRead<Counts>({
    key: () => ['notices'],
    read: async () => {
      const [scheduled, awaiting, reports] = await Promise.all([
        may('pix:read') ? scheduledPayouts() : 0,
        may('transfers:read') ? awaitingTransfers() : 0,
        may('pix:read') ? openReports() : 0,
      ])
      return { scheduled, awaiting, reports }
    },
    live: ['payments'],
  })
}

const ONE = { page: 1, per_page: 1 }

async function scheduledPayouts(): Promise<number> {
  const query = { ...ONE, status: 'scheduled' as const }
  return (await answerOf(api.GET('/api/v1/pix/payouts', { params: { query } }))).meta.total
}

async function awaitingTransfers(): Promise<number> {
  const query = { ...ONE, status: 'pending' as const }
  return (await answerOf(api.GET('/api/v1/transfers', { params: { query } }))).meta.total
}

async function openReports(): Promise<number> {
  const query = { ...ONE, status: 'open' as const }
  return (await answerOf(api.GET('/api/v1/pix/med/reports', { params: { query } }))).meta.total
}
