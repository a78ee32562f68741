import { useAccounts, useBalances, useChosenAccount } from '@fluxiq/pix/parts/useAccounts'
import { api, dataOf, saveFile, toast, useDeed, useWords } from '@fluxiq/kit'
import { computed, reactive, ref, shallowRef, watch } from 'vue'
import { useRouter } from 'vue-router'
import type { WritePayoutBatch, WrittenPayoutBatch } from '../../records'
import { decoded } from './csv'
import { type ReadLine, readLines, sumOf, template } from './lines'
import { batchWords } from './words'

export type Trouble = 'troubleEmpty' | 'troubleColumns' | 'troubleTooMany' | 'troubleUnread'

const TROUBLES = { empty: 'troubleEmpty', columns: 'troubleColumns', tooMany: 'troubleTooMany' } as const

/** A batch from the file to the record that awaits its release: written once, however often one clicks. */
export function useNewBatch() {
  const { t } = useWords(batchWords)
  const router = useRouter()
  const accounts = useAccounts()
  const balances = useBalances(() => accounts.data.value)
  const { chosenId } = useChosenAccount(() => accounts.data.value)

  const form = reactive({ name: '', skipsFaulty: false })
  const { file, lines, trouble } = useLines(() => (form.skipsFaulty = false), (name) => (form.name ||= name))

  const good = computed(() => lines.value.filter((line) => line.faults.length === 0))
  const faulty = computed(() => lines.value.filter((line) => line.faults.length > 0))
  const total = computed(() => sumOf(good.value))
  const isReady = computed(
    () => good.value.length > 0 && (faulty.value.length === 0 || form.skipsFaulty) && form.name.trim() !== '',
  )

  const deed = useDeed<WrittenPayoutBatch, WritePayoutBatch>({
    run: (body, key) =>
      dataOf(api.POST('/api/v1/pix/payout-batches', { params: { header: { 'Idempotency-Key': key } }, body })),
    after: [['batches']],
    done: (batch) => {
      toast(t('created'), 'good')
      void router.push(`/batches/${batch.id}`)
    },
  })

  function send(): void {
    if (!isReady.value) return
    void deed.start({ name: form.name.trim(), account_id: chosenId.value, lines: good.value.map(said) })
  }

  function saveTemplate(): void {
    const names = { key: t('columnKey'), amount: t('columnAmount'), description: t('columnDescription'), reference: t('columnReference') }
    const examples = [
      ['ana@exemplo.com.br', '1.250,00', t('exampleDescription'), 'nf-1042'],
      ['+5511987654321', '89,90', '', ''],
    ]
    saveFile(new Blob([template(names, examples)], { type: 'text/csv;charset=utf-8' }), 'fluxiq-lote.csv')
  }

  return { accounts, balances, chosenId, form, file, lines, trouble, good, faulty, total, isReady, deed, send, saveTemplate }
}

export type NewBatch = ReturnType<typeof useNewBatch>

/** The lines of the chosen file; of the last one, where somebody is quicker than the disk. */
function useLines(changed: () => void, named: (name: string) => void) {
  const file = ref<File | null>(null)
  const lines = shallowRef<ReadLine[]>([])
  const trouble = ref<Trouble | null>(null)

  watch(file, async (chosen) => {
    changed()
    ;[lines.value, trouble.value] = [[], null]
    if (chosen === null) return
    const bytes = await chosen.arrayBuffer().catch(() => null)
    if (file.value !== chosen) return
    if (bytes === null) return void (trouble.value = 'troubleUnread')

    const read = readLines(decoded(bytes))
    lines.value = read.lines
    trouble.value = read.trouble && TROUBLES[read.trouble]
    if (read.trouble === null) named(nameOf(chosen))
  })
  return { file, lines, trouble }
}

const NAME_LENGTH_MAX = 80

function nameOf(file: File): string {
  return file.name.replace(/\.[^.]*$/, '').slice(0, NAME_LENGTH_MAX)
}

function said({ key, amount, description, reference }: ReadLine) {
  return { recipient: { pix_key: key }, amount, description, reference }
}
