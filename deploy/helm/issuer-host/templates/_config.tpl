{{/* What the chart has to know of the server's configuration. */}}

{{/* The configuration as it will be, as JSON: that of the values, and the balancer's networks. */}}
{{- define "issuer-host.config" -}}
{{- $config := deepCopy .Values.config }}
{{- if .Values.service.proxyProtocol.enabled }}
{{- $server := get $config "server" | default dict }}
{{- $_ := set $config "server" (merge (dict "proxy_protocol" (dict "from" .Values.service.proxyProtocol.from)) $server) }}
{{- end }}
{{- toJson $config }}
{{- end }}

{{/* A table of the configuration as TOML: its values, then the tables in it. Strings, numbers, booleans and lists of them are
     written in JSON as in TOML. */}}
{{- define "issuer-host.toml" -}}
{{- $path := .path }}
{{- $values := dict }}
{{- $tables := dict }}
{{- range $key, $value := .table }}
{{- if kindIs "map" $value }}
{{- $_ := set $tables $key $value }}
{{- else if not (kindIs "invalid" $value) }}
{{- $_ := set $values $key $value }}
{{- end }}
{{- end }}
{{- if and $path (or $values (not $tables)) }}
[{{ $path }}]
{{- end }}
{{- range $key, $value := $values }}
{{ include "issuer-host.tomlKey" $key }} = {{ toJson $value }}
{{- end }}
{{- if and $path $values }}
{{/* An empty line between tables. */}}
{{- end }}
{{- range $key, $value := $tables }}
{{- $name := include "issuer-host.tomlKey" $key }}
{{- include "issuer-host.toml" (dict "table" $value "path" (ternary (printf "%s.%s" $path $name) $name (ne $path ""))) }}
{{- end }}
{{- end }}

{{- define "issuer-host.tomlKey" -}}
{{- if regexMatch "^[A-Za-z0-9_-]+$" . }}{{ . }}{{ else }}{{ toJson . }}{{ end }}
{{- end }}

{{/* Where notifications are kept: none, sqlite, postgres, or unknown. A url_file holds that of PostgreSQL: SQLite has no secret. */}}
{{- define "issuer-host.store" -}}
{{- $inbox := get .Values.config "inbox" | default dict }}
{{- $url := get $inbox "url" | default "" }}
{{- if and (not $url) (not (get $inbox "url_file")) }}none
{{- else if hasPrefix "sqlite:" $url }}sqlite
{{- else if or (not $url) (regexMatch "^postgres(ql)?://" $url) }}postgres
{{- else }}unknown
{{- end }}
{{- end }}

{{/* The ports that callers reach, [server] listen first, as JSON: {"ports": [8443]}. */}}
{{- define "issuer-host.ports" -}}
{{- $ports := list }}
{{- $lists := list (dig "server" "listen" list .Values.config) }}
{{- range $name, $environment := (get .Values.config "environments" | default dict) }}
{{- $lists = append $lists (get $environment "listen" | default list) }}
{{- end }}
{{- range $addresses := $lists }}
{{- range $address := $addresses }}
{{- $ports = append $ports (include "issuer-host.port" $address | int) }}
{{- end }}
{{- end }}
{{- dict "ports" (uniq $ports) | toJson }}
{{- end }}

{{/* The port of an address. */}}
{{- define "issuer-host.port" -}}
{{- regexFind "[0-9]+$" . }}
{{- end }}

{{- define "issuer-host.adminPort" -}}
{{- include "issuer-host.port" (dig "admin" "listen" "" .Values.config) }}
{{- end }}

{{/* The scheme of the admin listener. */}}
{{- define "issuer-host.adminScheme" -}}
{{- ternary "HTTPS" "HTTP" (not (empty (dig "admin" "tls" dict .Values.config))) }}
{{- end }}

{{/* A duration in whole seconds, rounded up; nothing for what is no single number with a unit. */}}
{{- define "issuer-host.seconds" -}}
{{- if regexMatch "^[0-9]+ ?(ms|s|m|min|h)$" . }}
{{- $number := regexFind "^[0-9]+" . | int64 }}
{{- $unit := regexFind "[a-z]+$" . }}
{{- if eq $unit "ms" }}{{ div (add $number 999) 1000 }}
{{- else }}{{ mul $number (get (dict "s" 1 "m" 60 "min" 60 "h" 3600) $unit) }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the end of a pod takes: the delay, the drain, and time for deliveries to end and leases to be given back. */}}
{{- define "issuer-host.endSeconds" -}}
{{- $server := get .Values.config "server" | default dict }}
{{- add (include "issuer-host.seconds" (get $server "drain_delay" | default "0s")) (include "issuer-host.seconds" (get $server "drain_timeout" | default "30s")) 15 }}
{{- end }}

{{- define "issuer-host.terminationGracePeriod" -}}
{{- .Values.terminationGracePeriodSeconds | default (include "issuer-host.endSeconds" .) | int }}
{{- end }}

{{/* What needs a restart when it changes, and a little more: pods are rolled for it, and for nothing else. */}}
{{- define "issuer-host.restartChecksum" -}}
{{- $config := include "issuer-host.config" . | fromJson }}
{{- $listen := dict }}
{{- range $name, $environment := (get $config "environments" | default dict) }}
{{- $_ := set $listen $name (get $environment "listen") }}
{{- end }}
{{- $server := pick (get $config "server" | default dict) "listen" "workers" }}
{{- pick $config "admin" "log" "traces" "inbox" | merge (dict "server" $server "listen" $listen) | toJson | sha256sum }}
{{- end }}

{{/* What is mounted below /etc/issuer-host, as JSON: {"mounts": [{"name": "tls", "secret": "issuer-host-tls"}]}. */}}
{{- define "issuer-host.mounts" -}}
{{- $mounts := .Values.files }}
{{- if .Values.certManager.enabled }}
{{- $mounts = append $mounts (dict "name" "tls" "secret" (include "issuer-host.certificateSecret" .)) }}
{{- end }}
{{- dict "mounts" $mounts | toJson }}
{{- end }}

{{/* Every value of a table as a line of key, tabulator, JSON. */}}
{{- define "issuer-host.leaves" -}}
{{- $path := .path }}
{{- range $key, $value := .table }}
{{- $at := ternary (printf "%s.%s" $path $key) $key (ne $path "") }}
{{- if kindIs "map" $value }}
{{- include "issuer-host.leaves" (dict "table" $value "path" $at) }}
{{- else if not (kindIs "invalid" $value) }}
{{- printf "%s\t%s\n" $at (toJson $value) }}
{{- end }}
{{- end }}
{{- end }}
