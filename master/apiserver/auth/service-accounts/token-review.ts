/** TokenReview: whose token is this? For those who are shown tokens and cannot tell, such as kubelets. */
import { badRequest } from '../../../api/errors.ts';
import { reviewKinds } from '../../../api/kinds.ts';
import type { TokenReview } from '../../../api/types.ts';
import type { Review } from '../../registry/review-resource.ts';
import { userInfo } from '../access-reviews.ts';
import { known, type TokenAuthenticator } from '../authenticate.ts';
import type { AccountTokens, Vouched } from './account-tokens.ts';

export interface TokenReviewOptions {
  readonly accounts: AccountTokens | undefined;
  /** Tokens that are for this API only. */
  readonly others: readonly TokenAuthenticator[];
  readonly apiAudiences: readonly string[];
}

export function tokenReview({ accounts, others, apiAudiences }: TokenReviewOptions): Review {
  return {
    kind: reviewKinds.tokenReview,
    async answer(_ctx, _namespace, review: TokenReview) {
      const { token = '', audiences = [] } = review.spec ?? {};
      if (token === '') throw badRequest('token is required for TokenReview in authentication');
      const found = await whose(token, audiences.length > 0 ? audiences : apiAudiences);
      if (!found) return { ...review, status: { user: {}, error: 'invalid bearer token' } };
      return {
        ...review,
        status: {
          authenticated: true,
          user: userInfo(found.user),
          ...(audiences.length > 0 ? { audiences: [...found.audiences] } : {}),
        },
      };
    },
  };

  async function whose(token: string, audiences: readonly string[]): Promise<Vouched | undefined> {
    const vouched = await accounts?.verify(token, audiences);
    if (vouched) return vouched;
    const shared = audiences.filter((audience) => apiAudiences.includes(audience));
    if (shared.length === 0) return undefined;
    for (const authenticate of others) {
      const user = await authenticate(token);
      if (user) return { user: known(user), audiences: shared };
    }
    return undefined;
  }
}
