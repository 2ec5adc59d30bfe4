{{/* The name of the application in labels. */}}
{{- define "issuer-host.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of all objects. Room is left for what is appended to it. */}}
{{- define "issuer-host.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := include "issuer-host.name" . }}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "issuer-host.selectorLabels" -}}
app.kubernetes.io/name: {{ include "issuer-host.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "issuer-host.labels" -}}
{{ include "issuer-host.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "issuer-host.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "issuer-host.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "issuer-host.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{/* The name of cert-manager's Secret. */}}
{{- define "issuer-host.certificateSecret" -}}
{{ include "issuer-host.fullname" . }}-tls
{{- end }}

{{/* How many pods; nothing where the autoscaler decides. */}}
{{- define "issuer-host.replicas" -}}
{{- if not .Values.autoscaling.enabled }}
{{- if kindIs "invalid" .Values.replicas }}
{{- ternary 1 2 (eq (include "issuer-host.store" .) "sqlite") }}
{{- else }}
{{- int .Values.replicas }}
{{- end }}
{{- end }}
{{- end }}
