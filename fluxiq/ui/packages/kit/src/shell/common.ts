import KBadge from '../components/KBadge.vue'
import KCard from '../components/KCard.vue'
import KDate from '../components/KDate.vue'
import KField from '../components/KField.vue'
import KId from '../components/KId.vue'
import KInput from '../components/KInput.vue'
import KMoney from '../components/KMoney.vue'
import KPage from '../components/KPage.vue'
import KSelect from '../components/KSelect.vue'
import KStatus from '../components/KStatus.vue'
import KState from '../states/KState.vue'

/**
 * What nearly every page is made of. It comes with the shell, in one file, instead of with the first
 * page in a dozen: the same bytes, and every later page is small. Registering them is what holds them there.
 */
export const common = { KBadge, KCard, KDate, KField, KId, KInput, KMoney, KPage, KSelect, KState, KStatus }
