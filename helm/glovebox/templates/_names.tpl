{{/*
Names are fixed, not built from the release: guards and the tenants' role exist once per cluster, so
a second release would fight the first. Helm refuses it because the cluster-wide objects belong to
the first release.
*/}}
{{- define "glovebox.labels" -}}
app.kubernetes.io/name: glovebox
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: glovebox
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Never the version: a selector is immutable. */}}
{{- define "glovebox.selector" -}}
app.kubernetes.io/name: glovebox
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "glovebox.image" -}}
{{- $image := .Values.operator.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Who the guards take for the operator, as a JSON list, which is also a CEL list. */}}
{{- define "glovebox.identities" -}}
{{- $own := printf "system:serviceaccount:%s:%s" .Release.Namespace .Values.serviceAccount.name -}}
{{- .Values.operator.identities | default (list $own) | toJson -}}
{{- end }}

{{/* Who holds the operator's roles. */}}
{{- define "glovebox.subjects" -}}
- kind: ServiceAccount
  name: {{ .Values.serviceAccount.name }}
  namespace: {{ .Release.Namespace }}
{{- with .Values.operator.subjects }}
{{ toYaml . }}
{{- end }}
{{- end }}
