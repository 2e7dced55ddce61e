/** The messages of admission and of priority and fairness. The form of a line is told in messages.ts. */
export const policyMessages: Readonly<Record<string, string>> = {
  'admissionregistration.ApplyConfiguration': 'expression=1:string',
  'admissionregistration.AuditAnnotation': 'key=1:string! valueExpression=2:string!',
  'admissionregistration.ExpressionWarning': 'fieldRef=2:string! warning=3:string!',
  'admissionregistration.JSONPatch': 'expression=1:string',
  'admissionregistration.MatchCondition': 'name=1:string! expression=2:string!',
  'admissionregistration.MatchResources':
    'namespaceSelector=1:LabelSelector? objectSelector=2:LabelSelector? resourceRules=3:[]admissionregistration.NamedRuleWithOperations excludeResourceRules=4:[]admissionregistration.NamedRuleWithOperations matchPolicy=7:string?',
  'admissionregistration.MutatingAdmissionPolicy':
    'metadata=1:ObjectMeta spec=2:admissionregistration.MutatingAdmissionPolicySpec',
  'admissionregistration.MutatingAdmissionPolicyBinding':
    'metadata=1:ObjectMeta spec=2:admissionregistration.MutatingAdmissionPolicyBindingSpec',
  'admissionregistration.MutatingAdmissionPolicyBindingSpec':
    'policyName=1:string paramRef=2:admissionregistration.ParamRef? matchResources=3:admissionregistration.MatchResources?',
  'admissionregistration.MutatingAdmissionPolicySpec':
    'paramKind=1:admissionregistration.ParamKind? matchConstraints=2:admissionregistration.MatchResources? variables=3:[]admissionregistration.Variable mutations=4:[]admissionregistration.Mutation failurePolicy=5:string? matchConditions=6:[]admissionregistration.MatchCondition reinvocationPolicy=7:string',
  'admissionregistration.MutatingWebhook':
    'name=1:string! clientConfig=2:admissionregistration.WebhookClientConfig! rules=3:[]admissionregistration.RuleWithOperations failurePolicy=4:string? matchPolicy=9:string? namespaceSelector=5:LabelSelector? objectSelector=11:LabelSelector? sideEffects=6:string? timeoutSeconds=7:int? admissionReviewVersions=8:[]string reinvocationPolicy=10:string? matchConditions=12:[]admissionregistration.MatchCondition',
  'admissionregistration.MutatingWebhookConfiguration':
    'metadata=1:ObjectMeta webhooks=2:[]admissionregistration.MutatingWebhook',
  'admissionregistration.Mutation':
    'patchType=2:string! applyConfiguration=3:admissionregistration.ApplyConfiguration? jsonPatch=4:admissionregistration.JSONPatch?',
  'admissionregistration.NamedRuleWithOperations':
    'resourceNames=1:[]string =2:admissionregistration.RuleWithOperations!',
  'admissionregistration.ParamKind': 'apiVersion=1:string kind=2:string',
  'admissionregistration.ParamRef':
    'name=1:string namespace=2:string selector=3:LabelSelector? parameterNotFoundAction=4:string?',
  'admissionregistration.Rule': 'apiGroups=1:[]string apiVersions=2:[]string resources=3:[]string scope=4:string?',
  'admissionregistration.RuleWithOperations': 'operations=1:[]string =2:admissionregistration.Rule!',
  'admissionregistration.ServiceReference': 'namespace=1:string! name=2:string! path=3:string? port=4:int?',
  'admissionregistration.TypeChecking': 'expressionWarnings=1:[]admissionregistration.ExpressionWarning',
  'admissionregistration.ValidatingAdmissionPolicy':
    'metadata=1:ObjectMeta spec=2:admissionregistration.ValidatingAdmissionPolicySpec status=3:admissionregistration.ValidatingAdmissionPolicyStatus',
  'admissionregistration.ValidatingAdmissionPolicyBinding':
    'metadata=1:ObjectMeta spec=2:admissionregistration.ValidatingAdmissionPolicyBindingSpec',
  'admissionregistration.ValidatingAdmissionPolicyBindingSpec':
    'policyName=1:string paramRef=2:admissionregistration.ParamRef? matchResources=3:admissionregistration.MatchResources? validationActions=4:[]string',
  'admissionregistration.ValidatingAdmissionPolicySpec':
    'paramKind=1:admissionregistration.ParamKind? matchConstraints=2:admissionregistration.MatchResources? validations=3:[]admissionregistration.Validation failurePolicy=4:string? auditAnnotations=5:[]admissionregistration.AuditAnnotation matchConditions=6:[]admissionregistration.MatchCondition variables=7:[]admissionregistration.Variable',
  'admissionregistration.ValidatingAdmissionPolicyStatus':
    'observedGeneration=1:int typeChecking=2:admissionregistration.TypeChecking? conditions=3:[]Condition',
  'admissionregistration.ValidatingWebhook':
    'name=1:string! clientConfig=2:admissionregistration.WebhookClientConfig! rules=3:[]admissionregistration.RuleWithOperations failurePolicy=4:string? matchPolicy=9:string? namespaceSelector=5:LabelSelector? objectSelector=10:LabelSelector? sideEffects=6:string? timeoutSeconds=7:int? admissionReviewVersions=8:[]string matchConditions=11:[]admissionregistration.MatchCondition',
  'admissionregistration.ValidatingWebhookConfiguration':
    'metadata=1:ObjectMeta webhooks=2:[]admissionregistration.ValidatingWebhook',
  'admissionregistration.Validation':
    'expression=1:string! message=2:string reason=3:string? messageExpression=4:string',
  'admissionregistration.Variable': 'name=1:string! expression=2:string!',
  'admissionregistration.WebhookClientConfig':
    'url=3:string? service=1:admissionregistration.ServiceReference? caBundle=2:bytes',
  'flowcontrol.ExemptPriorityLevelConfiguration': 'nominalConcurrencyShares=1:int? lendablePercent=2:int?',
  'flowcontrol.FlowDistinguisherMethod': 'type=1:string!',
  'flowcontrol.FlowSchema':
    'metadata=1:ObjectMeta spec=2:flowcontrol.FlowSchemaSpec status=3:flowcontrol.FlowSchemaStatus',
  'flowcontrol.FlowSchemaCondition':
    'type=1:string status=2:string lastTransitionTime=3:Time reason=4:string message=5:string',
  'flowcontrol.FlowSchemaSpec':
    'priorityLevelConfiguration=1:flowcontrol.PriorityLevelConfigurationReference! matchingPrecedence=2:int! distinguisherMethod=3:flowcontrol.FlowDistinguisherMethod? rules=4:[]flowcontrol.PolicyRulesWithSubjects',
  'flowcontrol.FlowSchemaStatus': 'conditions=1:[]flowcontrol.FlowSchemaCondition',
  'flowcontrol.GroupSubject': 'name=1:string!',
  'flowcontrol.LimitResponse': 'type=1:string! queuing=2:flowcontrol.QueuingConfiguration?',
  'flowcontrol.LimitedPriorityLevelConfiguration':
    'nominalConcurrencyShares=1:int? limitResponse=2:flowcontrol.LimitResponse lendablePercent=3:int? borrowingLimitPercent=4:int?',
  'flowcontrol.NonResourcePolicyRule': 'verbs=1:[]string nonResourceURLs=6:[]string',
  'flowcontrol.PolicyRulesWithSubjects':
    'subjects=1:[]flowcontrol.Subject resourceRules=2:[]flowcontrol.ResourcePolicyRule nonResourceRules=3:[]flowcontrol.NonResourcePolicyRule',
  'flowcontrol.PriorityLevelConfiguration':
    'metadata=1:ObjectMeta spec=2:flowcontrol.PriorityLevelConfigurationSpec status=3:flowcontrol.PriorityLevelConfigurationStatus',
  'flowcontrol.PriorityLevelConfigurationCondition':
    'type=1:string status=2:string lastTransitionTime=3:Time reason=4:string message=5:string',
  'flowcontrol.PriorityLevelConfigurationReference': 'name=1:string!',
  'flowcontrol.PriorityLevelConfigurationSpec':
    'type=1:string! limited=2:flowcontrol.LimitedPriorityLevelConfiguration? exempt=3:flowcontrol.ExemptPriorityLevelConfiguration?',
  'flowcontrol.PriorityLevelConfigurationStatus': 'conditions=1:[]flowcontrol.PriorityLevelConfigurationCondition',
  'flowcontrol.QueuingConfiguration': 'queues=1:int! handSize=2:int! queueLengthLimit=3:int!',
  'flowcontrol.ResourcePolicyRule':
    'verbs=1:[]string apiGroups=2:[]string resources=3:[]string clusterScope=4:bool namespaces=5:[]string',
  'flowcontrol.ServiceAccountSubject': 'namespace=1:string! name=2:string!',
  'flowcontrol.Subject':
    'kind=1:string! user=2:flowcontrol.UserSubject? group=3:flowcontrol.GroupSubject? serviceAccount=4:flowcontrol.ServiceAccountSubject?',
  'flowcontrol.UserSubject': 'name=1:string!',
};
