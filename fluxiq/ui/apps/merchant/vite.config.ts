import { defineConfig } from 'vite'
import { app } from '../../vite.app'

export default defineConfig(app(3002))
