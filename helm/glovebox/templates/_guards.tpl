{{/*
Shared parts of the ValidatingAdmissionPolicies. All of them fail closed, and each binding denies
and leaves an audit annotation, but for those that say `Warn`. CEL lists are written as JSON lists.
*/}}

{{/*
Where the guards hold: namespaces that carry an experiment's UID. Only the operator can put the
label there.
*/}}
{{- define "glovebox.guard.experimentNamespaces" -}}
namespaceSelector:
  matchExpressions:
    - {key: glovebox.dev/experiment-uid, operator: Exists}
{{- end }}

{{- define "glovebox.guard.otherNamespaces" -}}
namespaceSelector:
  matchExpressions:
    - {key: glovebox.dev/experiment-uid, operator: DoesNotExist}
{{- end }}

{{/*
Labels of a guard, and whether it outlives the release: what is sealed stays sealed when the
operator is taken away.
*/}}
{{- define "glovebox.guard.metadata" -}}
labels:
  {{- include "glovebox.labels" . | nindent 2 }}
  app.kubernetes.io/component: guard
{{- if .Values.guards.keep }}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end }}

{{- define "glovebox.guard.binding" -}}
{{- $context := index . 0 -}}
{{- $name := index . 1 -}}
{{- $actions := ternary "[Warn]" "[Deny, Audit]" (has "Warn" .) -}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  {{- include "glovebox.guard.metadata" $context | nindent 2 }}
spec:
  policyName: {{ $name }}
  validationActions: {{ $actions }}
{{- end }}

{{- define "glovebox.guard.isOperator" -}}
request.userInfo.username in {{ include "glovebox.identities" . }}
{{- end }}

{{- define "glovebox.guard.isController" -}}
request.userInfo.username in {{ .Values.guards.controllers | toJson }}
{{- end }}

{{/* JobSet's own controller, where the platform has it: it makes the Jobs of runs of several stages. */}}
{{- define "glovebox.guard.isJobSetController" -}}
request.userInfo.username in {{ list .Values.guards.jobSetController | compact | toJson }}
{{- end }}

{{/* Kueue's controller, where the platform has it: it suspends and resumes runs that wait in a queue. */}}
{{- define "glovebox.guard.isKueueController" -}}
request.userInfo.username in {{ list .Values.guards.kueueController | compact | toJson }}
{{- end }}

{{/*
Whether an annotation (the variable k) belongs to one of the listed domains: by its domain, one
below it, or one that begins with it.
*/}}
{{- define "glovebox.guard.isOfDomain" -}}
{{ . | toJson }}.exists(d, k.split('/')[0] == d || k.split('/')[0].endsWith('.' + d) || k.startsWith(d + '.'))
{{- end }}

{{/* Whether an annotation (the variable k) belongs to a network plugin. */}}
{{- define "glovebox.guard.isNetworkAnnotation" -}}
{{ include "glovebox.guard.isOfDomain" .Values.guards.pods.networkAnnotations }}
{{- end }}

{{/* NodeRestriction sees to it that a kubelet speaks of pods on its own node. */}}
{{- define "glovebox.guard.isKubelet" -}}
request.userInfo.username.startsWith('system:node:') && has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups
{{- end }}

{{- define "glovebox.guard.isBreakGlass" -}}
has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in {{ .Values.guards.breakGlassGroups | toJson }})
{{- end }}

{{/* Conditions that leave alone the operator, and people in a break-glass group. */}}
{{- define "glovebox.guard.notPrivileged" -}}
- name: not-the-operator
  expression: >-
    !({{ include "glovebox.guard.isOperator" . }})
- name: not-break-glass
  expression: >-
    !({{ include "glovebox.guard.isBreakGlass" . }})
{{- end }}

{{/*
Every container of a pod's spec, of all three kinds. The argument is the CEL path of the spec.
*/}}
{{- define "glovebox.guard.containers" -}}
{{ . }}.containers + {{ . }}.?initContainers.orValue([])
{{- end }}

{{/*
An image is accepted when the experiment's snapshot lists it. `variables.containers` are the
containers to look at.
*/}}
{{- define "glovebox.guard.imageRules" -}}
- name: frozen
  expression: >-
    has(params.data) && 'images' in params.data
    ? params.data['images'].split('\n').map(line, line.trim()).filter(line, line != '')
    : []
- name: strangers
  expression: >-
    variables.containers.filter(c, !(has(c.image) && c.image in variables.frozen && c.image.matches('^[^@ ]+@sha256:[0-9a-f]{64}$')))
{{- end }}

{{/*
Only the fetcher (the platform's image, as an init container, with its own command) writes a volume
of inputs or mounts their credentials; everybody else mounts the inputs read-only. Datasets that are
volumes of their own nobody mounts writable, not even the fetcher. `variables.pod` is the spec,
`variables.containers` are all containers, `variables.others` all but the fetchers.
*/}}
{{- define "glovebox.guard.inputVariables" -}}
- name: credentialVolumes
  expression: >-
    variables.pod.?volumes.orValue([]).filter(v,
      v.?secret.?secretName.orValue('') == 'glovebox-inputs-credentials'
      || v.?projected.?sources.orValue([]).exists(s, s.?secret.?name.orValue('') == 'glovebox-inputs-credentials')).map(v, v.name)
- name: datasetVolumes
  expression: >-
    variables.pod.?volumes.orValue([]).filter(v, v.name.startsWith('glovebox-input-') || has(v.image)
      || v.?persistentVolumeClaim.claimName.orValue('').startsWith('glovebox-input-')).map(v, v.name)
- name: datasetWriters
  expression: >-
    variables.containers.filter(c, c.?volumeMounts.orValue([]).exists(m, m.name in variables.datasetVolumes && !m.?readOnly.orValue(false))
      || c.?volumeDevices.orValue([]).exists(d, d.name in variables.datasetVolumes))
- name: foreignImages
  expression: >-
    variables.pod.?volumes.orValue([]).filter(v, has(v.image) && !(v.image.?reference.orValue('') in
      (has(params.data) ? params.data[?'inputImages'].orValue('') : '').split('\n').filter(line, line != '')))
- name: writers
  expression: >-
    variables.others.filter(c, c.?volumeMounts.orValue([]).exists(m,
      m.name == 'glovebox-inputs' && !m.?readOnly.orValue(false)))
- name: readers
  expression: >-
    variables.others.filter(c, c.?volumeMounts.orValue([]).exists(m, m.name in variables.credentialVolumes)
      || c.?volumeDevices.orValue([]).exists(d, d.name == 'glovebox-inputs' || d.name in variables.credentialVolumes)
      || c.?env.orValue([]).exists(e, e.?valueFrom.?secretKeyRef.?name.orValue('') == 'glovebox-inputs-credentials')
      || c.?envFrom.orValue([]).exists(e, e.?secretRef.?name.orValue('') == 'glovebox-inputs-credentials'))
{{- end }}

{{/*
CEL that says that the container `c` has no variable but the one that the Job controller gives to all
containers of an indexed Job: the number of the worker, out of the pod's own metadata.
*/}}
{{- define "glovebox.guard.noVariables" -}}
c.?env.orValue([]).all(e, e.name == 'JOB_COMPLETION_INDEX' && e.?valueFrom.?fieldRef.hasValue())
{{- end }}

{{/*
CEL that says whether the container `c` of `variables.pod` is a fetcher: nothing in it may make
another program of it (a command, a folder to start in, a hook, a probe, something mounted over the
program, its plan or its credentials), and nobody may look into it while it runs: by its name
`glovebox-no-entry` knows it. Each folder is where desired/pods.py and desired/run_environment.py have it.
*/}}
{{- define "glovebox.guard.isFetcher" -}}
variables.platformImage != '' && c.name == 'fetch' && c.?image.orValue('') == variables.platformImage
&& c.?command.orValue([]) == ['python', '-m', 'glovebox.jobs.fetch'] && c.?args.orValue([]) == []
&& {{ include "glovebox.guard.noVariables" . }} && c.?envFrom.orValue([]) == [] && c.?workingDir.orValue('') == ''
&& !has(c.restartPolicy) && !has(c.lifecycle) && !has(c.startupProbe) && !has(c.livenessProbe) && !has(c.readinessProbe)
&& c.?terminationMessagePath.orValue('/dev/termination-log') == '/dev/termination-log'
&& !variables.pod.?shareProcessNamespace.orValue(false)
&& c.?volumeMounts.orValue([]).all(m,
  m.mountPath == '/tmp'
  || (m.mountPath == '/inputs' && m.name == 'glovebox-inputs')
  || m.mountPath.matches('^/datasets/[a-z0-9-]+$')
  || (m.mountPath == '/etc/glovebox/inputs' && variables.pod.?volumes.orValue([]).exists(v,
    v.name == m.name && v.?configMap.?name.orValue('') == 'glovebox-inputs'))
  || (m.mountPath == '/var/run/glovebox/inputs' && variables.pod.?volumes.orValue([]).exists(v,
    v.name == m.name && v.?secret.?secretName.orValue('') == 'glovebox-inputs-credentials')))
{{- end }}

{{/*
CEL that says whether the container `c` of `variables.pod` gives a pod the session of its artifacts,
beside a run or a pod of the team's own. It is what desired/run.py renders, or less: no variable, no
hook and no mount makes another program of it, and it sees that one Secret alone.
*/}}
{{- define "glovebox.guard.isSessionEndpoint" -}}
c.?command.orValue([]) == ['python', '-m', 'glovebox.jobs.session_endpoint'] && c.?args.orValue([]) == []
&& {{ include "glovebox.guard.noVariables" . }} && c.?envFrom.orValue([]) == [] && c.?workingDir.orValue('') == ''
&& c.?restartPolicy.orValue('') == 'Always' && !has(c.lifecycle) && !has(c.livenessProbe) && !has(c.readinessProbe)
&& (!has(c.startupProbe) || c.startupProbe.?exec.?command.orValue([]) == ['python', '-m', 'glovebox.jobs.session_endpoint', '--check'])
&& c.?terminationMessagePath.orValue('/dev/termination-log') == '/dev/termination-log'
&& c.?volumeDevices.orValue([]) == []
&& c.?volumeMounts.orValue([]).all(m, m.mountPath == '/var/run/glovebox/artifacts'
  && variables.pod.?volumes.orValue([]).exists(v, v.name == m.name && v.?secret.?secretName.orValue('') == 'glovebox-artifacts-credentials'))
{{- end }}

{{/*
CEL that says whether the container `c` is the probe of the isolation, given that its pod or Job is
(`variables.isProbes`): the command and the plan are the operator's, and so is everything else that
says what it does.
*/}}
{{- define "glovebox.guard.isProbe" -}}
variables.isProbes && c.?command.orValue([]) == ['python', '-m', 'glovebox.jobs.probe'] && c.?args.orValue([]) == []
&& c.?env.orValue([]).all(e, e.name in ['GLOVEBOX_PROBE_PLAN', 'HOST_IP']) && c.?envFrom.orValue([]) == []
{{- end }}

{{/*
The platform's image runs as the fetcher, as the probe and as what gives a pod its session, and as
nothing else, unless the team pinned it as its own. The frozen list holds it in both cases; what the
team pinned is the object `images` of the snapshot. There is one such object: in a string a quote is
escaped, and parameters hold strings.
*/}}
{{- define "glovebox.guard.platformImageVariables" -}}
- name: pinned
  expression: >-
    (has(params.data) ? params.data[?'snapshot.json'].orValue('') : '').split('"images":{').filter(part, part != '')
- name: isPinned
  expression: >-
    variables.pinned.size() > 1 && variables.pinned[1].split('}')[0].contains('"' + variables.platformImage + '"')
- name: misplaced
  expression: >-
    variables.others.filter(c, variables.platformImage != '' && !variables.isPinned && c.?image.orValue('') == variables.platformImage
      && !({{ include "glovebox.guard.isProbe" . | replace "\n" " " }})
      && !({{ include "glovebox.guard.isSessionEndpoint" . | replace "\n" " " }}))
{{- end }}

{{- define "glovebox.guard.platformImageValidation" -}}
- expression: variables.misplaced.size() == 0
  reason: Forbidden
  message: the platform's image delivers inputs, gives pods their session and probes the isolation, as the operator renders it; it runs nothing else
  messageExpression: >-
    "container '" + variables.misplaced[0].name + "' must not use the platform's image, which delivers inputs, gives pods their session and"
    + " probes the isolation, as the operator renders it, and runs nothing else"
{{- end }}

{{- define "glovebox.guard.inputValidation" -}}
- expression: variables.writers.size() == 0
  reason: Forbidden
  message: "the volume 'glovebox-inputs' must be mounted with `readOnly: true`: inputs can only be read"
  messageExpression: >-
    "container '" + variables.writers[0].name + "' must mount the volume 'glovebox-inputs' with `readOnly: true`: inputs can only be read"
- expression: variables.datasetWriters.size() == 0
  reason: Forbidden
  message: "the volume of a dataset must be mounted with `readOnly: true`: inputs can only be read"
  messageExpression: >-
    "container '" + variables.datasetWriters[0].name + "' must mount the volume of a dataset with `readOnly: true`: inputs can only be read"
- expression: variables.foreignImages.size() == 0
  reason: Forbidden
  message: "an image may be mounted as a volume only where it is an input of the experiment"
  messageExpression: >-
    "volume '" + variables.foreignImages[0].name + "': an image may be mounted only where it is an input of the experiment; pin it as a"
    + " dataset with `spec.image`, or leave the volume out"
- expression: variables.readers.size() == 0
  reason: Forbidden
  message: >-
    the credentials of the inputs in Secret 'glovebox-inputs-credentials' are for the fetcher alone; read the inputs from the volume 'glovebox-inputs'
  messageExpression: >-
    "container '" + variables.readers[0].name + "' must not use Secret 'glovebox-inputs-credentials', which is for the fetcher alone;"
    + " read the inputs from the volume 'glovebox-inputs'"
{{- end }}

{{- /*
What opens a registry is for the kubelet, which reads it by itself. `variables.pod` is the spec,
`variables.containers` are all containers.
*/ -}}
{{- define "glovebox.guard.pullSecretValidation" -}}
- expression: >-
    variables.pod.?volumes.orValue([]).all(v,
      v.?secret.?secretName.orValue('') != 'glovebox-image-pull'
      && v.?projected.?sources.orValue([]).all(s, s.?secret.?name.orValue('') != 'glovebox-image-pull'))
    && variables.containers.all(c,
      c.?env.orValue([]).all(e, e.?valueFrom.?secretKeyRef.?name.orValue('') != 'glovebox-image-pull')
      && c.?envFrom.orValue([]).all(e, e.?secretRef.?name.orValue('') != 'glovebox-image-pull'))
  reason: Forbidden
  message: >-
    Secret 'glovebox-image-pull' must be left out of volumes and environment variables: it opens the registries of the images, for the kubelet alone
{{- end }}

{{- /*
What stages of a run are given is for their program: the container `run` of a pod of the run's own
Jobs (`variables.isRuns`), which the operator renders, each with what its stage names.
*/ -}}
{{- define "glovebox.guard.stageSecretsValidation" -}}
- expression: >-
    (variables.isRuns || variables.pod.?volumes.orValue([]).all(v,
      v.?secret.?secretName.orValue('') != 'glovebox-stage-secrets'
      && v.?projected.?sources.orValue([]).all(s, s.?secret.?name.orValue('') != 'glovebox-stage-secrets')))
    && variables.containers.all(c, (variables.isRuns && c.name == 'run')
      || (c.?env.orValue([]).all(e, e.?valueFrom.?secretKeyRef.?name.orValue('') != 'glovebox-stage-secrets')
      && c.?envFrom.orValue([]).all(e, e.?secretRef.?name.orValue('') != 'glovebox-stage-secrets')))
  reason: Forbidden
  message: >-
    Secret 'glovebox-stage-secrets' must be left out of volumes and environment variables: it holds what the stages of the run are given, for their own programs
{{- end }}

{{- define "glovebox.guard.imageValidation" -}}
- expression: variables.strangers.size() == 0
  reason: Forbidden
  message: >-
    every container must use an image of the experiment's frozen list, named by its digest; the list is in ConfigMap 'glovebox-snapshot'
  messageExpression: >-
    "container '" + variables.strangers[0].name + "' must use an image of the experiment's frozen list, named by its digest, and '"
    + (has(variables.strangers[0].image) ? variables.strangers[0].image : '')
    + "' is not in it; use one of [" + variables.frozen.join(', ')
    + "], or declare the image under `spec.images` of a new Experiment"
{{- end }}

{{/*
What the operator runs beside experiments. `variables.pod` and `variables.container` are the pod's spec and its one container.
*/}}
{{- define "glovebox.guard.hasNoRights" -}}
variables.container.?securityContext.runAsNonRoot.orValue(false) && !variables.container.?securityContext.privileged.orValue(false)
&& !variables.container.?securityContext.allowPrivilegeEscalation.orValue(true) && variables.container.?securityContext.capabilities.drop.orValue([]) == ['ALL']
&& variables.container.?securityContext.capabilities.add.orValue([]) == [] && variables.container.?securityContext.runAsUser.orValue(0) != 0
&& !variables.pod.?hostNetwork.orValue(false) && !variables.pod.?hostPID.orValue(false) && !variables.pod.?hostIPC.orValue(false)
&& variables.pod.?serviceAccountName.orValue('default') in ['', 'default']
&& !variables.pod.?automountServiceAccountToken.orValue(true)
{{- end }}

{{- define "glovebox.guard.isOwnImage" -}}
{{- if and .Values.operator.enabled .Values.operator.image.digest -}}
variables.container.image == '{{ include "glovebox.image" . }}'
{{- else -}}
variables.container.image.matches('^[^@ ]+@sha256:[0-9a-f]{64}$')
{{- end -}}
{{- end }}

{{- /* Whether a variable `e` is one of `operator.env`, with the very value or source that is given there. */ -}}
{{- define "glovebox.guard.isGivenEnv" -}}
{{- range .Values.operator.env }}
{{- $from := .valueFrom | default dict }}
|| (e.name == {{ .name | quote }}
{{- if $from.secretKeyRef }} && e.?valueFrom.?secretKeyRef.?name.orValue('') == {{ $from.secretKeyRef.name | quote }}
  && e.?valueFrom.?secretKeyRef.?key.orValue('') == {{ $from.secretKeyRef.key | quote }}
{{- else if $from.configMapKeyRef }} && e.?valueFrom.?configMapKeyRef.?name.orValue('') == {{ $from.configMapKeyRef.name | quote }}
  && e.?valueFrom.?configMapKeyRef.?key.orValue('') == {{ $from.configMapKeyRef.key | quote }}
{{- else if $from }} && has(e.valueFrom) && !has(e.valueFrom.secretKeyRef) && !has(e.valueFrom.configMapKeyRef)
{{- else }} && !has(e.valueFrom) && e.?value.orValue('') == {{ .value | default "" | toString | quote }}
{{- end }})
{{- end }}
{{- end }}
