import { computed, ref, shallowRef } from 'vue'
import { type ApiFailure, failureOf } from '../api/failure'
import { isDocument } from '../format'
import { useSession } from './session'

export type Problem = 'document' | 'password' | 'totp' | 'ispb' | 'weak' | 'different'

/**
 * The steps of coming in: document and password; the institution where a document has users in
 * several; the authenticator's code where there is one; a password of one's own after a one-time one.
 */
export function useLogin(known: string = '') {
  const session = useSession()
  const document = ref(known)
  const password = ref('')
  const totp = ref('')
  const ispb = ref('')
  const asksTotp = ref(false)
  const asksIspb = ref(false)
  const isRunning = ref(false)
  const failure = shallowRef<ApiFailure | null>(null)
  const problem = ref<Problem | null>(null)
  const step = computed(() => (session.mustChangePassword ? 'password' : asksTotp.value ? 'totp' : 'login'))

  function check(): Problem | null {
    if (!isDocument(document.value)) return 'document'
    if (password.value === '') return 'password'
    if (asksIspb.value && !/^[0-9A-Z]{8}$/.test(ispb.value.trim().toUpperCase())) return 'ispb'
    return asksTotp.value && totp.value.trim().length < 6 ? 'totp' : null
  }

  /** Whether somebody is signed in now. */
  async function signIn(): Promise<boolean> {
    problem.value = check()
    if (problem.value !== null) return false
    return attempt(() =>
      session.login({
        document: document.value,
        password: password.value,
        totp: asksTotp.value ? totp.value.trim() : undefined,
        ispb: asksIspb.value ? ispb.value.trim().toUpperCase() : undefined,
      }),
    )
  }

  async function choosePassword(next: string, again: string): Promise<boolean> {
    problem.value = next.length < 12 ? 'weak' : next === again ? null : 'different'
    if (problem.value !== null) return false
    return attempt(() => session.changePassword(password.value, next))
  }

  async function attempt(work: () => Promise<void>): Promise<boolean> {
    if (isRunning.value) return false
    isRunning.value = true
    failure.value = null
    try {
      await work()
      return true
    } catch (error) {
      refused(failureOf(error))
      return false
    } finally {
      isRunning.value = false
    }
  }

  /** What is asked next is no failure; whatever else is. */
  function refused(why: ApiFailure): void {
    totp.value = ''
    if (why.code === 'totp_required') asksTotp.value = true
    else if (why.code === 'validation_failed' && why.field === 'ispb') asksIspb.value = true
    else failure.value = why
  }

  /** Back to document and password. */
  function startOver(): void {
    asksTotp.value = false
    password.value = totp.value = ''
    failure.value = problem.value = null
  }

  return { document, password, totp, ispb, step, asksIspb, isRunning, failure, problem, signIn, choosePassword, startOver }
}
