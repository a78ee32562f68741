import { createFluxApp } from '@fluxiq/kit'
import '@fluxiq/pix/styles.css'
import { navigation } from './navigation'
import { routes } from './routes'

void createFluxApp({ name: 'merchant', audience: 'merchant', routes, navigation })
