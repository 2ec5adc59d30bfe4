{{/* The pod, the same in a Deployment and in a StatefulSet. */}}
{{- define "issuer-host.pod" -}}
{{- $name := include "issuer-host.fullname" . }}
{{- $sqlite := eq (include "issuer-host.store" .) "sqlite" }}
metadata:
  annotations:
    # Changes with those settings alone that need a restart.
    issuer-host/restart: {{ include "issuer-host.restartChecksum" . }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "issuer-host.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "issuer-host.serviceAccount" . }}
  automountServiceAccountToken: false
  # Kubernetes would name the Service in variables that begin with ISSUER_HOST.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "issuer-host.terminationGracePeriod" . }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    # Files of Secrets belong to this group, and so does the volume.
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if .Values.topologySpreadConstraints }}
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - topologyKey: {{ $key }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "issuer-host.selectorLabels" $ | nindent 10 }}
    {{- end }}
    {{- end }}
  containers:
    - name: issuer-host
      image: {{ include "issuer-host.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: ["serve"]
      env:
        - name: ISSUER_HOST_CONFIG
          value: /etc/issuer-host/config/issuer-host.toml
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        {{- range $index, $port := (include "issuer-host.ports" . | fromJson).ports }}
        - name: {{ include "issuer-host.portName" (dict "index" $index "port" $port) }}
          containerPort: {{ $port }}
        {{- end }}
        - name: admin
          containerPort: {{ include "issuer-host.adminPort" . }}
      # Answered as soon as the configuration is read: also while the inbox is brought up to date, or its database is waited for.
      startupProbe:
        {{- include "issuer-host.probe" (dict "root" . "path" "/livez") | nindent 8 }}
        periodSeconds: 1
        failureThreshold: 60
      livenessProbe:
        {{- include "issuer-host.probe" (dict "root" . "path" "/livez") | nindent 8 }}
        periodSeconds: 10
        timeoutSeconds: 3
        failureThreshold: 6
      readinessProbe:
        {{- include "issuer-host.probe" (dict "root" . "path" "/readyz") | nindent 8 }}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 2
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: ["ALL"]
      # Whole directories: what is mounted with subPath never changes in a running pod.
      volumeMounts:
        - name: config
          mountPath: /etc/issuer-host/config
          readOnly: true
        {{- range (include "issuer-host.mounts" . | fromJson).mounts }}
        - name: file-{{ .name }}
          mountPath: /etc/issuer-host/{{ .name }}
          readOnly: true
        {{- end }}
        {{- if $sqlite }}
        - name: inbox
          mountPath: /var/lib/issuer-host
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ $name }}
    {{- range (include "issuer-host.mounts" . | fromJson).mounts }}
    - name: file-{{ .name }}
      {{- if .secret }}
      secret:
        secretName: {{ .secret }}
        defaultMode: 0440
      {{- else }}
      configMap:
        name: {{ .configMap }}
      {{- end }}
    {{- end }}
{{- end }}

{{- define "issuer-host.probe" -}}
httpGet:
  path: {{ .path }}
  port: admin
  scheme: {{ include "issuer-host.adminScheme" .root }}
{{- end }}

{{/* The name of a port that callers reach. */}}
{{- define "issuer-host.portName" -}}
{{- ternary "mtls" (printf "mtls-%v" .port) (eq (int .index) 0) }}
{{- end }}
