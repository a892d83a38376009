import { z } from 'zod'
import type { Project } from '../model/project.ts'
import { name } from './fields.ts'

export const createProjectBody = z.strictObject({ name })

export const presentProject = (project: Project) => ({
  id: project.id,
  name: project.name,
  createdAt: project.createdAt.toISOString(),
})
