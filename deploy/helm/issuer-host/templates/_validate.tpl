{{/* Refuses values that contradict themselves, all problems at once. Everything else about the configuration is for
     `issuer-host check`. */}}
{{- define "issuer-host.validate" -}}
{{- $config := .Values.config }}
{{- $problems := list }}
{{- $store := include "issuer-host.store" . }}
{{- $admin := get $config "admin" | default dict }}
{{- $server := get $config "server" | default dict }}

{{- if empty (get $config "environments") }}
{{- $problems = append $problems "config.environments is empty: the server needs at least one environment, see the example in values.yaml" }}
{{- end }}

{{- /* The inbox decides how many pods there may be. */}}
{{- $inbox := get $config "inbox" | default dict }}
{{- if eq $store "unknown" }}
{{- $problems = append $problems "config.inbox.url is neither one of SQLite (sqlite:///var/lib/issuer-host/inbox.db) nor one of PostgreSQL: take it out for no inbox" }}
{{- end }}
{{- if and (get $inbox "url") (get $inbox "url_file") }}
{{- $problems = append $problems "config.inbox has both url and url_file: keep one of them" }}
{{- end }}
{{- if and (eq $store "postgres") (get $inbox "url") }}
{{- $problems = append $problems "config.inbox.url of PostgreSQL would stand in a ConfigMap with its password: put it into a Secret, name that in files, and its path in config.inbox.url_file" }}
{{- end }}
{{- if eq $store "sqlite" }}
{{- if not (regexMatch "^sqlite:(//)?/var/lib/issuer-host/[^/]" (get $inbox "url")) }}
{{- $problems = append $problems "config.inbox.url has to name a file below /var/lib/issuer-host, where the volume is mounted: sqlite:///var/lib/issuer-host/inbox.db" }}
{{- end }}
{{- if and (not (kindIs "invalid" .Values.replicas)) (gt (int .Values.replicas) 1) }}
{{- $problems = append $problems (printf "replicas is %d, but an inbox of SQLite belongs to one server: set replicas to 1, or use PostgreSQL (config.inbox.url_file)" (int .Values.replicas)) }}
{{- end }}
{{- if .Values.autoscaling.enabled }}
{{- $problems = append $problems "autoscaling.enabled does not go with an inbox of SQLite, which belongs to one server: use PostgreSQL (config.inbox.url_file)" }}
{{- end }}
{{- end }}

{{- /* Ports. */}}
{{- range $address := (get $server "listen" | default list) }}
{{- if not (regexMatch ":[0-9]+$" $address) }}
{{- $problems = append $problems (printf "config.server.listen: %q has no port" $address) }}
{{- end }}
{{- end }}
{{- if empty (get $server "listen") }}
{{- $problems = append $problems "config.server.listen is empty: give it the port that the Service leads to, such as 0.0.0.0:8443" }}
{{- end }}
{{- $adminListen := get $admin "listen" | default "" }}
{{- if not (regexMatch ":[0-9]+$" $adminListen) }}
{{- $problems = append $problems "config.admin.listen has no port: probes need it, such as 0.0.0.0:9090" }}
{{- else if regexMatch "^(127\\.|\\[::1\\]|\\[::ffff:127\\.)" $adminListen }}
{{- $problems = append $problems (printf "config.admin.listen is %s, which the kubelet's probes cannot reach: use 0.0.0.0:9090; without admin.tls and a token it has /livez, /readyz and /metrics only" $adminListen) }}
{{- else if has (include "issuer-host.adminPort" . | float64) (include "issuer-host.ports" . | fromJson).ports }}
{{- $problems = append $problems "config.admin.listen has a port that Thales calls: use another one" }}
{{- end }}

{{- /* Who may use the console. */}}
{{- $token := or (get $admin "token_file") (get $admin "token_sha256") }}
{{- $adminTls := get $admin "tls" | default dict }}
{{- if and $token (empty $adminTls) }}
{{- $problems = append $problems "config.admin has a token but no tls: on an address that others reach a token is taken over TLS only, see config.admin.tls" }}
{{- end }}
{{- if and $adminTls (not $token) (not (get $adminTls "client_ca")) }}
{{- $problems = append $problems "config.admin.tls is set, but nobody could use the console: set config.admin.token_file or config.admin.tls.client_ca as well" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (eq (get $admin "metrics" | default "open") "protected") (empty .Values.metrics.serviceMonitor.authorization) }}
{{- $problems = append $problems "config.admin.metrics is protected: set metrics.serviceMonitor.authorization, or Prometheus is refused" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled $adminTls (empty .Values.metrics.serviceMonitor.tlsConfig) }}
{{- $problems = append $problems "config.admin.tls is set: set metrics.serviceMonitor.tlsConfig, so that Prometheus knows the listener's certificate" }}
{{- end }}

{{- /* The end of a pod. */}}
{{- range $key := list "drain_delay" "drain_timeout" }}
{{- $value := get $server $key | default "0s" }}
{{- if not (include "issuer-host.seconds" $value) }}
{{- $problems = append $problems (printf "config.server.%s is %q: write one number and one unit, such as 30s or 2m" $key $value) }}
{{- end }}
{{- end }}
{{- $end := include "issuer-host.endSeconds" . | int }}
{{- if and .Values.terminationGracePeriodSeconds (lt (int .Values.terminationGracePeriodSeconds) (sub $end 10 | int)) }}
{{- $problems = append $problems (printf "terminationGracePeriodSeconds is %d, but drain_delay, drain_timeout and the end of deliveries take %d s: the pod would be killed with requests in flight" (int .Values.terminationGracePeriodSeconds) (sub $end 10 | int)) }}
{{- end }}

{{- /* The balancer. */}}
{{- $from := dig "proxy_protocol" "from" list $server }}
{{- if and .Values.service.proxyProtocol.enabled (empty .Values.service.proxyProtocol.from) }}
{{- $problems = append $problems "service.proxyProtocol.enabled needs service.proxyProtocol.from: the networks that the balancer calls from" }}
{{- end }}
{{- if and $from (or .Values.service.proxyProtocol.enabled .Values.service.proxyProtocol.from) }}
{{- $problems = append $problems "config.server.proxy_protocol.from and service.proxyProtocol are both set: keep one of them" }}
{{- else if and .Values.service.proxyProtocol.from (not .Values.service.proxyProtocol.enabled) }}
{{- $problems = append $problems "service.proxyProtocol.from is set, but service.proxyProtocol.enabled is false" }}
{{- end }}

{{- /* Files. */}}
{{- $names := list }}
{{- range $mount := (include "issuer-host.mounts" . | fromJson).mounts }}
{{- if or (has $mount.name $names) (eq $mount.name "config") }}
{{- $problems = append $problems (printf "files: the name %s is taken%s" $mount.name (ternary ", by certManager" "" (and (eq $mount.name "tls") $.Values.certManager.enabled))) }}
{{- end }}
{{- if and $mount.secret $mount.configMap }}
{{- $problems = append $problems (printf "files: %s names both a secret and a configMap" $mount.name) }}
{{- else if not (or $mount.secret $mount.configMap) }}
{{- $problems = append $problems (printf "files: %s names neither a secret nor a configMap" $mount.name) }}
{{- end }}
{{- $names = append $names $mount.name }}
{{- end }}
{{- range $line := (include "issuer-host.leaves" (dict "table" $config "path" "") | splitList "\n") }}
{{- if $line }}
{{- $key := regexFind "^[^\t]*" $line }}
{{- if contains "PRIVATE KEY-----" $line }}
{{- $problems = append $problems (printf "config.%s is a private key, and would stand in a ConfigMap: put it into a Secret, and its path here" $key) }}
{{- /* The name of a key may have dots of its own. */}}
{{- else if regexMatch "^(admin\\.token|.*\\.api_keys\\..+\\.key|.*\\.secrets\\..+\\.secret|.*\\.signing_secret)$" $key }}
{{- $problems = append $problems (printf "config.%s is a secret, and would stand in a ConfigMap: put it into a Secret, and its path into config.%s_file" $key $key) }}
{{- else if and (regexMatch "://[^/\"]*@" (trimPrefix $key $line)) (ne $key "inbox.url") }}
{{- $problems = append $problems (printf "config.%s has a user, a password or a token in its URL, and would stand in a ConfigMap: take them out, or give the whole URL by a variable of the container that comes from a Secret (env, valueFrom.secretKeyRef)" $key) }}
{{- end }}
{{- range $path := regexFindAll "\"/etc/issuer-host/[^\"]*\"" $line -1 }}
{{- $mount := index (splitList "/" (trimAll "\"" $path)) 3 }}
{{- if not (has $mount $names) }}
{{- $problems = append $problems (printf "config.%s: nothing is mounted at /etc/issuer-host/%s, add an element of this name to files" $key $mount) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Variables: whoever may look at pods reads them. */}}
{{- range $variable := .Values.env }}
{{- $name := get $variable "name" | default "" | toString }}
{{- $value := get $variable "value" | default "" | toString }}
{{- if and (regexMatch "(?i)(TOKEN|KEY|SECRET|PASSWORD|URL)$" $name) $value (not (hasPrefix "/etc/issuer-host/" $value)) }}
{{- $problems = append $problems (printf "env: the value of %s would stand in the description of the pod, for whoever may look at it: put it into a Secret, and name that in valueFrom.secretKeyRef" $name) }}
{{- else if or (contains "PRIVATE KEY-----" $value) (regexMatch "://[^/\"]*@" $value) }}
{{- $problems = append $problems (printf "env: the value of %s has a secret in it, which would stand in the description of the pod: put it into a Secret, and name that in valueFrom.secretKeyRef" $name) }}
{{- end }}
{{- end }}

{{- /* Others. */}}
{{- if .Values.certManager.enabled }}
{{- if empty .Values.certManager.issuerRef.name }}
{{- $problems = append $problems "certManager.enabled needs certManager.issuerRef.name" }}
{{- end }}
{{- if empty .Values.certManager.dnsNames }}
{{- $problems = append $problems "certManager.enabled needs certManager.dnsNames: the names that Thales calls" }}
{{- end }}
{{- end }}
{{- if .Values.autoscaling.enabled }}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}
{{- $problems = append $problems "autoscaling.minReplicas is larger than autoscaling.maxReplicas" }}
{{- end }}
{{- if not (kindIs "invalid" .Values.replicas) }}
{{- $problems = append $problems "replicas and autoscaling.enabled are both set: keep one of them" }}
{{- end }}
{{- if empty (dig "requests" "cpu" "" .Values.resources) }}
{{- $problems = append $problems "autoscaling.enabled needs resources.requests.cpu, which its target is a part of" }}
{{- end }}
{{- end }}
{{- $budget := .Values.podDisruptionBudget }}
{{- $least := not (kindIs "invalid" $budget.minAvailable) }}
{{- $most := not (kindIs "invalid" $budget.maxUnavailable) }}
{{- if and $budget.enabled (eq $least $most) }}
{{- $problems = append $problems "podDisruptionBudget needs one of maxUnavailable and minAvailable (set the other to null)" }}
{{- end }}
{{- if and $budget.enabled $least (eq $store "sqlite") }}
{{- $problems = append $problems "podDisruptionBudget.minAvailable with the one server of an inbox of SQLite would never let its node be drained: use maxUnavailable" }}
{{- end }}
{{- if and .Values.metrics.prometheusRule.enabled (empty (.Files.Get "files/rules.yaml")) }}
{{- $problems = append $problems "metrics.prometheusRule.enabled needs files/rules.yaml in the chart" }}
{{- end }}

{{- if $problems }}
{{- fail (printf "\n\nissuer-host: these values cannot work:\n  - %s\n" (join "\n  - " $problems)) }}
{{- end }}
{{- end }}
