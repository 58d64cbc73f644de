# Only addresses differ between this machine and Google Cloud. `august-local env` prints the values
# of a running local cloud as TF_VAR_… settings, and the provider's own endpoints as AUGUST_… ones.

variable "registry" {
  description = "Container registry: host of an Artifact Registry, or of the local cloud's."
  type        = string
}

variable "drchrono_url" {
  description = "Base URL of DrChrono."
  type        = string
  default     = "https://app.drchrono.com"
}

variable "coda_url" {
  description = "Base URL of Coda's API."
  type        = string
  default     = "https://coda.io/apis/v1"
}

variable "oidc_issuer" {
  description = "Who signs the tokens that the runtime's control API accepts."
  type        = string
  default     = "https://accounts.google.com"
}

variable "drill" {
  description = "Names a rehearsal of the recovery, such as \"2027-Q1\". It is run when the name changes; without one, none is."
  type        = string
  default     = ""
}

variable "refresh" {
  description = "Names a refresh of staging's data, such as \"2027-01\". Production exports anonymised data when the name changes; without one, nothing."
  type        = string
  default     = ""
}

variable "signed_by" {
  description = "Public key of production's exports, as its output `anonymised` names it. Staging takes in what it has signed; without one, nothing."
  type        = string
  default     = ""
}

variable "advise" {
  description = "Whether the output `advice` says what was measured and what follows from it. It differs from plan to plan, as what is measured does."
  type        = bool
  default     = false
}
